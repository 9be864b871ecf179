import { format } from 'node:util';
import { toStorableText } from '../src/core/storable.ts';
import type { Logger } from '../src/logger.ts';

/** The levels of a task's log; from `info` up, a line is also an event of the task. */
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

type Level = (typeof LEVELS)[number];

const RECORDED: ReadonlySet<Level> = new Set(['info', 'warn', 'error', 'fatal']);

/** The log of one attempt: pino's methods. */
export type TaskLogger = Pick<Logger, Level>;

/** 4 KB. */
const LINE_MAX = 4096;

/** Lines go to the log of the process, and their texts, from level info up, to `record`. */
export function openTaskLogger(logger: Logger, record: (line: string) => void): TaskLogger {
  const entries = LEVELS.map((level) => {
    const write = (...args: unknown[]) => {
      Reflect.apply(logger[level], logger, args);
      if (RECORDED.has(level)) record(textOf(args));
    };
    return [level, write];
  });
  return Object.fromEntries(entries) as TaskLogger;
}

/** As pino reads its arguments: fields first, then the message and what it interpolates. */
function textOf(args: readonly unknown[]): string {
  const [first, ...rest] = args;
  const text = typeof first === 'object' && first !== null ? withFields(first, rest) : format(first, ...rest);
  return cut(toStorableText(text));
}

function withFields(fields: object, rest: readonly unknown[]): string {
  if (fields instanceof Error) return format(...(rest.length > 0 ? rest : [fields.message]));
  const shown = JSON.stringify(fields);
  return rest.length > 0 ? `${format(...rest)} ${shown}` : shown;
}

function cut(text: string): string {
  if (Buffer.byteLength(text) <= LINE_MAX) return text;
  return `${Buffer.from(text)
    .subarray(0, LINE_MAX - 4)
    .toString()
    .replace(/\u{fffd}+$/u, '')}…`;
}
