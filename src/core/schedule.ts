import { parseCron } from './cron.ts';
import { nextCronTime } from './cron-times.ts';
import { type InputProblem, UserInputError } from './errors.ts';
import { isTimeZone } from './time-zone.ts';

/**
 * Words: a *schedule* enqueues a task again and again; a *fire* is one of the moments at which it is to do so, a *run* the
 * task that a fire became.
 */

/** What becomes of a fire while an earlier run has not ended. */
export const OVERLAP_POLICIES = ['ALLOW', 'SKIP', 'CANCEL_PREVIOUS', 'QUEUE'] as const;
export type OverlapPolicy = (typeof OVERLAP_POLICIES)[number];

/** What becomes of the fires that nobody was there for. */
export const CATCH_UP_POLICIES = ['NONE', 'LAST', 'ALL'] as const;
export type CatchUpPolicy = (typeof CATCH_UP_POLICIES)[number];

/** When a schedule fires: exactly one of `cron` and `everySeconds` is given. */
export interface Timing {
  /** See `cron.ts`. */
  cron?: string | null | undefined;
  /** The fires are the multiples of it since 1970 (UTC), so that they don't drift; to the millisecond. */
  everySeconds?: number | null | undefined;
  /** Of `cron`; an IANA name. */
  timeZone: string;
}

/** All that is said of a schedule when it is declared or made. */
export interface ScheduleDefinition extends Timing {
  key: string;
  /** The name of the task. */
  task: string;
  payload: unknown;
  cron: string | null;
  everySeconds: number | null;
  overlap: OverlapPolicy;
  catchUp: CatchUpPolicy;
  /** With `catchUp: ALL`, how many of the missed fires are made up for: the newest. */
  catchUpLimit: number;
}

/** What is left out of a schedule. */
export const SCHEDULE_DEFAULTS = {
  timeZone: 'UTC',
  overlap: 'ALLOW',
  catchUp: 'LAST',
  catchUpLimit: 100,
} as const satisfies Partial<ScheduleDefinition>;

/** It becomes part of a tag, of an owner and of keys in Redis. */
const KEY = /^[A-Za-z0-9][\w.-]*$/;
const KEY_MAX = 80;
const EVERY_MIN_SECONDS = 1;
const EVERY_MAX_SECONDS = 366 * 24 * 3600;
const CATCH_UP_LIMIT_MAX = 1000;

/** Whether a text can be the key of a schedule at all; what cannot is answered as unknown without asking Postgres. */
export function isScheduleKey(text: string): boolean {
  return KEY.test(text) && text.length <= KEY_MAX;
}

/** What is wrong with a schedule, its task and payload apart: SCHEDULE_INVALID, CRON_INVALID or TIME_ZONE_INVALID. */
export function scheduleProblems(definition: ScheduleDefinition): InputProblem[] {
  const { key, timeZone, catchUpLimit } = definition;
  const problems: InputProblem[] = [];
  const expect = (field: keyof ScheduleDefinition, fits: boolean, expected: string, code = 'SCHEDULE_INVALID') => {
    if (fits) return;
    const message = `expected ${field} to be ${expected}, got: ${JSON.stringify(definition[field])}`;
    problems.push({ code, message, path: [field] });
  };
  expect('key', isScheduleKey(key), `1 to ${KEY_MAX} letters, digits, _, . and -, the first a letter or digit`);
  expect('timeZone', isTimeZone(timeZone), 'a time zone, e.g. Europe/Berlin', 'TIME_ZONE_INVALID');
  expect(
    'catchUpLimit',
    Number.isInteger(catchUpLimit) && catchUpLimit >= 1 && catchUpLimit <= CATCH_UP_LIMIT_MAX,
    `an integer from 1 to ${CATCH_UP_LIMIT_MAX}`,
  );
  return [...problems, ...timingProblems(definition)];
}

function timingProblems({ cron, everySeconds }: ScheduleDefinition): readonly InputProblem[] {
  if ((cron === null) === (everySeconds === null)) {
    const message = `expected one of cron and everySeconds, got: ${cron === null ? 'neither' : 'both'}`;
    return [{ code: 'SCHEDULE_INVALID', message, path: ['cron'] }];
  }
  if (cron !== null) return cronProblems(cron);
  if (everySeconds !== null && everySeconds >= EVERY_MIN_SECONDS && everySeconds <= EVERY_MAX_SECONDS) return [];
  const message = `expected everySeconds to be from ${EVERY_MIN_SECONDS} to ${EVERY_MAX_SECONDS}, got: ${everySeconds}`;
  return [{ code: 'SCHEDULE_INVALID', message, path: ['everySeconds'] }];
}

function cronProblems(cron: string): readonly InputProblem[] {
  try {
    parseCron(cron);
    return [];
  } catch (error) {
    if (error instanceof UserInputError) return error.problems;
    throw error;
  }
}

/** Finds the first fire after a moment; null when there is none within forty years. */
export type FireFinder = (after: Date) => Date | null;

/** Reads a timing once, for who asks for many of its fires. */
export function fireFinder({ cron, everySeconds, timeZone }: Timing): FireFinder {
  if (everySeconds != null) return (after) => nextMultiple(everySeconds, after);
  const parsed = parseCron(cron ?? '');
  return (after) => {
    const next = nextCronTime(parsed, timeZone, after.getTime());
    return next === undefined ? null : new Date(next);
  };
}

/** The first fire after a moment; null when there is none within forty years. */
export function nextFire(timing: Timing, after: Date): Date | null {
  return fireFinder(timing)(after);
}

function nextMultiple(seconds: number, after: Date): Date {
  const everyMs = Math.round(seconds * 1000);
  return new Date((Math.floor(after.getTime() / everyMs) + 1) * everyMs);
}

/** The first fires after a moment. */
export function nextFires(timing: Timing, after: Date, count: number): Date[] {
  const find = fireFinder(timing);
  const fires: Date[] = [];
  for (let fire = find(after); fire && fires.length < count; fire = find(fire)) fires.push(fire);
  return fires;
}
