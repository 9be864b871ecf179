import type { PayloadInput, TaskContract } from './define-task.ts';
import { UserInputError } from './errors.ts';
import {
  type CatchUpPolicy,
  type OverlapPolicy,
  SCHEDULE_DEFAULTS,
  type ScheduleDefinition,
  scheduleProblems,
} from './schedule.ts';

/** What {@link defineSchedule} takes. */
export type ScheduleSpec<C extends TaskContract> = {
  /** Unique; 1 to 80 letters, digits, `_`, `.` and `-`. */
  key: string;
  task: C;
  /** What every run is given. */
  payload: PayloadInput<NoInfer<C>>;
  /** An IANA name; `cron` is read in it. Default UTC. */
  timeZone?: string;
  /** What becomes of a fire while an earlier run has not ended; default ALLOW. */
  overlap?: OverlapPolicy;
  /** What becomes of fires that nobody was there for; default LAST. */
  catchUp?: CatchUpPolicy;
  /** How many fires `catchUp: 'ALL'` makes up for at most, the newest; 1–1,000, default 100. */
  catchUpLimit?: number;
} & (
  | {
      /** Five fields, or six with seconds; see `cron.ts`. */
      cron: string;
      everySeconds?: never;
    }
  | {
      /** At the multiples of so many seconds since 1970; at least 1. */
      everySeconds: number;
      cron?: never;
    }
);

/**
 * Declares a schedule. It exists in Postgres from the next start of a worker on, if it is in the list of
 * `src/tasks/schedules.ts`.
 *
 * Throws a `UserInputError` with what is wrong, as `upsertSchedule` answers it.
 */
export function defineSchedule<C extends TaskContract>(spec: ScheduleSpec<C>): ScheduleDefinition {
  const { key, task, payload, cron = null, everySeconds = null } = spec;
  const { timeZone, overlap, catchUp, catchUpLimit } = { ...SCHEDULE_DEFAULTS, ...spec };
  const definition: ScheduleDefinition = {
    key,
    task: task.name,
    payload,
    cron,
    everySeconds,
    timeZone,
    overlap,
    catchUp,
    catchUpLimit,
  };
  const issues = task.input.safeParse(payload).error?.issues ?? [];
  const [problem, ...more] = [
    ...scheduleProblems(definition),
    ...issues.map(({ message, path }) => ({
      code: 'PAYLOAD_INVALID',
      message: `the payload of schedule ${key} does not fit ${task.name}: ${message}`,
      path: ['payload', ...path.map(String)],
    })),
  ];
  if (problem) throw new UserInputError([problem, ...more]);
  return Object.freeze(definition);
}
