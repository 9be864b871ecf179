import { type InputProblem, UserInputError, userError } from '../core/errors.ts';
import {
  type CatchUpPolicy,
  type OverlapPolicy,
  SCHEDULE_DEFAULTS,
  type ScheduleDefinition,
  scheduleProblems,
} from '../core/schedule.ts';
import type { ScheduleRow } from '../db/entities/schedule.ts';
import { transactionSql } from '../db/sql.ts';
import { readClock } from '../db/statements/find-schedules.ts';
import { lockSchedule } from '../db/statements/lock-schedule.ts';
import { payloadProblems } from './enqueue-task.ts';
import { requireSchedule, scheduleDeclared } from './get-schedule.ts';
import { putSchedule } from './put-schedule.ts';
import type { EnqueueResources, ServiceResources } from './resources.ts';
import { setTimer, type TimerResources } from './set-timer.ts';

/** A schedule as a caller wants it; what is left out is as in `SCHEDULE_DEFAULTS`. */
export interface UpsertScheduleInput {
  key: string;
  task: string;
  payload?: unknown;
  /** One of this and `everySeconds`. */
  cron?: string | null | undefined;
  everySeconds?: number | null | undefined;
  timeZone?: string | null | undefined;
  overlap?: OverlapPolicy | null | undefined;
  catchUp?: CatchUpPolicy | null | undefined;
  catchUpLimit?: number | null | undefined;
  /** Left out: as it is, true for a new one. */
  enabled?: boolean | null | undefined;
}

/** What changing schedules needs. */
export type ScheduleResources = EnqueueResources & TimerResources & Pick<ServiceResources, 'orm'>;

/**
 * Makes a schedule, or writes all of it anew. A new timing begins at `now`, by default the time in Postgres.
 *
 * Throws a `UserInputError` with SCHEDULE_INVALID, CRON_INVALID, TIME_ZONE_INVALID, UNKNOWN_TASK or PAYLOAD_INVALID, all at
 * once, or with SCHEDULE_DECLARED.
 */
export async function upsertSchedule(
  resources: ScheduleResources,
  input: UpsertScheduleInput,
  now?: Date,
): Promise<ScheduleRow> {
  const definition = toDefinition(input);
  const [problem, ...more] = [...scheduleProblems(definition), ...taskProblems(resources, definition)];
  if (problem) throw new UserInputError([problem, ...more]);
  const schedule = await resources.orm.em.fork().transactional(async (em) => {
    const sql = transactionSql(em);
    const existing = await lockSchedule(sql, definition.key);
    if (existing?.declared) throw scheduleDeclared(definition.key);
    await putSchedule(sql, {
      definition,
      existing,
      enabled: input.enabled ?? existing?.enabled ?? true,
      declared: false,
      now: now ?? (await readClock(sql)),
    });
    return requireSchedule(em, definition.key);
  });
  await setTimer(resources, schedule);
  return schedule;
}

function toDefinition(input: UpsertScheduleInput): ScheduleDefinition {
  const { key, task, payload, cron, everySeconds, timeZone, overlap, catchUp, catchUpLimit } = input;
  return {
    key,
    task,
    payload: payload ?? {},
    cron: cron ?? null,
    everySeconds: everySeconds ?? null,
    timeZone: timeZone ?? SCHEDULE_DEFAULTS.timeZone,
    overlap: overlap ?? SCHEDULE_DEFAULTS.overlap,
    catchUp: catchUp ?? SCHEDULE_DEFAULTS.catchUp,
    catchUpLimit: catchUpLimit ?? SCHEDULE_DEFAULTS.catchUpLimit,
  };
}

function taskProblems({ catalog }: EnqueueResources, { task, payload }: ScheduleDefinition): readonly InputProblem[] {
  const contract = catalog.find(task);
  if (contract) return payloadProblems(contract, payload).map(inPayload);
  const known = catalog.contracts.map(({ name }) => name).join(', ');
  return userError('UNKNOWN_TASK', `expected task to be the name of a task (${known}), got: ${JSON.stringify(task)}`, [
    'task',
  ]).problems;
}

function inPayload({ path, ...problem }: InputProblem): InputProblem {
  return { ...problem, path: ['payload', ...path] };
}
