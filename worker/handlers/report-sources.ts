import { firstIdAt, timeOfId } from '../../src/core/ids.ts';
import type { Sql } from '../../src/db/sql.ts';
import {
  countActiveUsers,
  countTasks,
  type Period,
  readActiveUsers,
  readTasks,
  type ReportedTask,
  type ReportedUser,
} from '../../src/db/statements/read-report-pages.ts';

/** One value of a row. */
export type Cell = string | number | null;

/** One bar of a chart. */
export interface Bar {
  label: string;
  value: number;
}

/** What a report is made of, read page by page, so that it may be of any length. */
export interface ReportSource {
  title: string;
  columns: readonly string[];
  /** What so many rows of it are, e.g. "2 users". */
  contents(rows: number): string;
  /** Of what is read, for progress: users, tasks or columns. */
  count(): Promise<number>;
  /** The rows of each page, with how much has been read by then. The last page holds what was kept back until the end. */
  pages(mayGoOn: () => boolean): AsyncGenerator<{ rows: Cell[][]; read: number }>;
  chartTitle: string;
  /** Of the rows so far. */
  bars(): Bar[];
}

const PAGE_SIZE = 1000;
const BARS_MAX = 31;

/** Every user with its logins, by id; the chart shows those with most logins. */
export function userActivity(sql: Sql, period: Period): ReportSource {
  let most: Bar[] = [];
  return {
    title: 'User activity',
    columns: ['id', 'name', 'email', 'logins', 'last active at', 'created at'],
    chartTitle: 'Users with most logins',
    contents: (rows) => counted(rows, 'user'),
    count: () => countActiveUsers(sql, period),
    bars: () => most,
    async *pages(mayGoOn) {
      let page: ReportedUser[];
      let read = 0;
      let after = 0;
      do {
        if (!mayGoOn()) return;
        page = await readActiveUsers(sql, period, after, PAGE_SIZE);
        read += page.length;
        after = page.at(-1)?.id ?? after;
        most = [...most, ...page.map(({ name, loginCount }) => ({ label: name, value: loginCount }))]
          .toSorted((a, b) => b.value - a.value)
          .slice(0, BARS_MAX);
        yield { rows: page.map(rowOfUser), read };
      } while (page.length === PAGE_SIZE);
    },
  };
}

/** E.g. "1 row", "2 rows". */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function rowOfUser({ id, name, email, loginCount, lastActivityAt, createdAt }: ReportedUser): Cell[] {
  return [id, name, email, loginCount, lastActivityAt, createdAt];
}

/** The tasks of each day (UTC) by name; the chart shows the newest days. Ids sort by time, so a day is done with at its end. */
export function taskThroughput(sql: Sql, { from, to }: Period): ReportSource {
  const first = firstIdAt(from ?? new Date(0));
  const end = to === null ? LAST_ID : firstIdAt(to);
  const days: Bar[] = [];
  return {
    title: 'Task throughput',
    columns: ['day', 'task', 'enqueued', 'succeeded', 'failed', 'revoked', 'open', 'mean duration in ms'],
    chartTitle: 'Tasks enqueued by day',
    contents: (rows) => counted(rows, 'row'),
    count: () => countTasks(sql, first, end),
    bars: () => days,
    async *pages(mayGoOn) {
      let page: ReportedTask[];
      let read = 0;
      let after = first;
      let tally: DayTally | undefined;
      const close = (done: DayTally | undefined) => {
        if (!done) return [];
        days.push({ label: done.day, value: done.tasks });
        if (days.length > BARS_MAX) days.shift();
        return done.rows();
      };
      do {
        if (!mayGoOn()) break;
        page = await readTasks(sql, after, end, PAGE_SIZE);
        read += page.length;
        after = page.at(-1)?.id ?? after;
        const rows: Cell[][] = [];
        for (const task of page) {
          const day = new Date(timeOfId(task.id)).toISOString().slice(0, 10);
          if (tally?.day !== day) {
            rows.push(...close(tally));
            tally = new DayTally(day);
          }
          tally.add(task);
        }
        yield { rows, read };
      } while (page.length === PAGE_SIZE);
      yield { rows: close(tally), read };
    },
  };
}

const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

interface NameTally {
  tasks: number;
  ends: Record<string, number>;
  durationMs: number;
  durations: number;
}

/** The tasks of one day. */
class DayTally {
  readonly day: string;
  tasks = 0;
  readonly #byName = new Map<string, NameTally>();

  constructor(day: string) {
    this.day = day;
  }

  add({ name, state, durationMs }: ReportedTask): void {
    const tally = this.#byName.get(name) ?? { tasks: 0, ends: {}, durationMs: 0, durations: 0 };
    this.#byName.set(name, tally);
    this.tasks += 1;
    tally.tasks += 1;
    tally.ends[state] = (tally.ends[state] ?? 0) + 1;
    if (durationMs === null) return;
    tally.durationMs += durationMs;
    tally.durations += 1;
  }

  rows(): Cell[][] {
    return [...this.#byName]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { tasks, ends, durationMs, durations }]) => {
        const { SUCCESS = 0, FAILURE = 0, REVOKED = 0 } = ends;
        const mean = durations === 0 ? null : Math.round(durationMs / durations);
        return [this.day, name, tasks, SUCCESS, FAILURE, REVOKED, tasks - SUCCESS - FAILURE - REVOKED, mean];
      });
  }
}
