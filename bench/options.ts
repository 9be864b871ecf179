import { parseArgs } from 'node:util';

/** The parts of the benchmark, in the order in which they run. */
export const PARTS = ['tasks', 'mutations', 'latency', 'sockets', 'lists', 'workflows'] as const;
export type Part = (typeof PARTS)[number];

/** What is measured, and how much of it. */
export interface BenchOptions {
  parts: readonly Part[];
  /** Of each side, in `tasks`, `mutations` and `workflows`; one more of each warms up and is not counted. */
  rounds: number;
  /** In a round of `tasks`. */
  tasks: number;
  /** Of a round of `mutations`. */
  seconds: number;
  /** In `latency`. */
  reports: number;
  /** In `sockets`. */
  sockets: number;
  /** In `lists`. */
  listTasks: number;
  /** Of the workers and the API. */
  logLevel: string;
  /** Whether `tasks` prints where the worker's processor time goes. */
  profile: boolean;
  /** Whether each part prints the statements that took Postgres longest. */
  statements: boolean;
}

export const USAGE = `npm run bench -- [part …] [options]

Parts (all when none is named): ${PARTS.join(', ')}

  --rounds N        rounds of each side in tasks, mutations and workflows (5)
  --tasks N         tasks in a round of tasks (10000)
  --seconds N       length of a round of mutations (5)
  --reports N       progress reports in latency (400)
  --sockets N       websockets in sockets (5000)
  --list-tasks N    stored tasks in lists (1000000)
  --log-level NAME  of the workers and the API, whose logs go to files (info)
  --profile         print where the worker's processor time goes in tasks
  --statements      print the statements that took Postgres longest in each part
`;

/** What is wrong with the command line. */
export class UsageError extends Error {}

/** Reads the command line; undefined when it asks for help. Throws a {@link UsageError}. */
export function readOptions(args: readonly string[]): BenchOptions | undefined {
  const text = (value: string) => ({ type: 'string', default: value }) as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: text('5'),
      tasks: text('10000'),
      seconds: text('5'),
      reports: text('400'),
      sockets: text('5000'),
      'list-tasks': text('1000000'),
      'log-level': text('info'),
      profile: flag,
      statements: flag,
      help: flag,
    },
  });
  if (values.help) return undefined;
  return {
    parts: positionals.length === 0 ? PARTS : positionals.map(toPart),
    rounds: toCount('rounds', values.rounds),
    tasks: toCount('tasks', values.tasks),
    seconds: toCount('seconds', values.seconds),
    reports: toCount('reports', values.reports),
    sockets: toCount('sockets', values.sockets),
    listTasks: toCount('list-tasks', values['list-tasks']),
    logLevel: values['log-level'],
    profile: values.profile,
    statements: values.statements,
  };
}

function toPart(name: string): Part {
  const part = PARTS.find((known) => known === name);
  if (!part) throw new UsageError(`expected a part to be one of ${PARTS.join(', ')}, got: ${name}`);
  return part;
}

function toCount(name: string, text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new UsageError(`expected --${name} to be a positive integer, got: ${text}`);
}
