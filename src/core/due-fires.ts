import { type CatchUpPolicy, type FireFinder, fireFinder, type OverlapPolicy, type Timing } from './schedule.ts';

/** A fire is on time up to half of the time to the next one after it, between these. */
const LATE_MIN_MS = 2000;
const LATE_MAX_MS = 60_000;
/** More fires than these are never on time together: the second after it is no closer than 1 s. */
const ON_TIME_MAX = 100;
/** What waits at most with `overlap: QUEUE`. */
export const WAITING_MAX = 100;

const WINDOW_MS = 60_000;

/** What the fires of a schedule are decided by. */
export interface DueOptions {
  timing: Timing;
  /** The newest fire that was decided, or when the schedule was made, changed or resumed. */
  cursor: Date;
  now: Date;
  catchUp: CatchUpPolicy;
  catchUpLimit: number;
}

/** What is due of a schedule. */
export interface DueFires {
  /** Those that count, oldest first. */
  fires: Date[];
  /** The newest fire that is decided now, whether it counts or not. */
  cursor: Date;
}

/**
 * Which of the fires after `cursor` and up to `now` count. Those on time always do. Of those that are late, because no
 * worker, no Postgres or no deployment was there, `NONE` drops all, `LAST` keeps the newest unless one is on time, and `ALL`
 * keeps the newest `catchUpLimit`.
 */
export function dueFires({ timing, cursor, now, catchUp, catchUpLimit }: DueOptions): DueFires {
  const find = fireFinder(timing);
  const due = newestFires(find, cursor, now, catchUpLimit + ON_TIME_MAX);
  const onTime = due.filter((fire) => isOnTime(find, fire, now));
  const late = due.filter((fire) => !onTime.includes(fire));
  return {
    fires: [...keptOfLate(late, onTime.length, catchUp, catchUpLimit), ...onTime],
    cursor: due.at(-1) ?? cursor,
  };
}

function keptOfLate(late: readonly Date[], onTime: number, catchUp: CatchUpPolicy, limit: number): Date[] {
  switch (catchUp) {
    case 'NONE':
      return [];
    case 'LAST':
      return onTime > 0 ? [] : late.slice(-1);
    case 'ALL':
      return late.slice(-limit);
  }
}

function isOnTime(find: FireFinder, fire: Date, now: Date): boolean {
  const late = now.getTime() - fire.getTime();
  if (late > LATE_MAX_MS) return false;
  const distance = (find(fire)?.getTime() ?? Number.POSITIVE_INFINITY) - fire.getTime();
  return late <= Math.min(LATE_MAX_MS, Math.max(LATE_MIN_MS, distance / 2));
}

/**
 * The newest `limit` fires after a moment and up to another, oldest first. It looks back in windows that double, so that a
 * year's downtime of a schedule of every second costs no more than what is asked for. A window that suddenly holds far more,
 * as that of every second of a long past day does, is halved.
 */
function newestFires(find: FireFinder, after: Date, until: Date, limit: number): Date[] {
  let tooShort = until.getTime(); // fewer than `limit` fires since then
  for (let windowMs = WINDOW_MS; ; windowMs *= 2) {
    const from = Math.max(after.getTime(), until.getTime() - windowMs);
    const fires = firstFires(find, from, until, limit);
    if (fires.length >= limit) return newestOfMany(find, { from, tooShort }, until, limit);
    if (from === after.getTime()) return fires;
    tooShort = from;
  }
}

/** As {@link newestFires}: since `from` there are `limit` fires or more, since `tooShort` fewer. */
function newestOfMany(
  find: FireFinder,
  { from, tooShort }: { from: number; tooShort: number },
  until: Date,
  limit: number,
): Date[] {
  const fires = firstFires(find, from, until, 2 * limit);
  if (fires.length < 2 * limit) return fires.slice(-limit);
  const middle = Math.floor((from + tooShort) / 2);
  const isEnough = firstFires(find, middle, until, limit).length >= limit;
  return newestOfMany(find, isEnough ? { from: middle, tooShort } : { from, tooShort: middle }, until, limit);
}

/** The first fires after a moment and up to another, at most `limit`. */
function firstFires(find: FireFinder, after: number, until: Date, limit: number): Date[] {
  const fires: Date[] = [];
  for (let fire = find(new Date(after)); fire && fire <= until && fires.length < limit; fire = find(fire)) {
    fires.push(fire);
  }
  return fires;
}

/** What is to be done about fires. */
export interface FirePlan {
  /** Fires that become tasks now. */
  run: Date[];
  /** Fires that wait until the runs before them have ended. */
  waiting: Date[];
  /** Whether the runs that are open are to be cancelled. */
  cancel: boolean;
}

/**
 * What becomes of fires, oldest first, those that waited before those that are due now, while `open` runs have not ended.
 *
 * - `ALLOW`: each becomes a task.
 * - `SKIP`: the newest does, unless a run is open; the others are dropped.
 * - `CANCEL_PREVIOUS`: the newest does as soon as the open runs have ended, which are cancelled; the others are dropped.
 * - `QUEUE`: one after the other does; past {@link WAITING_MAX} that wait, the newest are dropped.
 */
export function planFires(overlap: OverlapPolicy, fires: readonly Date[], open: number): FirePlan {
  const [first] = fires;
  const last = fires.at(-1);
  if (!first || !last) return { run: [], waiting: [], cancel: false };
  switch (overlap) {
    case 'ALLOW':
      return { run: [...fires], waiting: [], cancel: false };
    case 'SKIP':
      return { run: open > 0 ? [] : [last], waiting: [], cancel: false };
    case 'CANCEL_PREVIOUS':
      return open > 0 ? { run: [], waiting: [last], cancel: true } : { run: [last], waiting: [], cancel: false };
    case 'QUEUE':
      return open > 0
        ? { run: [], waiting: fires.slice(0, WAITING_MAX), cancel: false }
        : { run: [first], waiting: fires.slice(1, 1 + WAITING_MAX), cancel: false };
  }
}
