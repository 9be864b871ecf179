import { type Cron, nextLocalTime } from './cron.ts';
import { momentOf, offsetAt, offsetChange } from './time-zone.ts';

/**
 * When an expression comes after a moment, both in milliseconds since 1970; undefined when it does not within forty years.
 *
 * Where clocks change:
 *
 * - An expression of certain hours (`30 2 * * *`) comes once for each of its local times: for one that is skipped in
 *   spring at the moment after the gap, for one that comes twice in autumn the first time. Several that fall into a gap
 *   are one.
 * - An expression of every hour (`*\/15 * * * *`, `30 * * * *`) is an interval: it goes on as if nothing happened. What is
 *   skipped is no time that passed, and an hour that comes twice is two hours.
 *
 * So each keeps its number of times a day, or its distance. (Vixie's cron tells the two apart by a `*` in the minute or the
 * hour, which makes `*\/15 2 * * *` miss a whole day.)
 */
export function nextCronTime(cron: Cron, timeZone: string, after: number): number | undefined {
  return cron.hours.length === 24 ? nextOfInterval(cron, timeZone, after) : nextOfClock(cron, timeZone, after);
}

function nextOfInterval(cron: Cron, timeZone: string, after: number): number | undefined {
  let from = Math.floor(after / 1000) * 1000 + 1000;
  for (;;) {
    const offset = offsetAt(timeZone, from);
    const local = nextLocalTime(cron, from + offset);
    if (local === undefined) return undefined;
    const moment = local - offset;
    if (offsetAt(timeZone, moment) === offset) return moment;
    from = offsetChange(timeZone, from, moment);
  }
}

function nextOfClock(cron: Cron, timeZone: string, after: number): number | undefined {
  let from = Math.floor(after / 1000) * 1000 + offsetAt(timeZone, after);
  for (;;) {
    const local = nextLocalTime(cron, from);
    if (local === undefined) return undefined;
    const moment = momentOf(timeZone, local);
    if (moment > after) return moment;
    from = local + 1000;
  }
}
