import { type Logger, pino } from 'pino';
import { build } from 'pino-pretty';

export type { Logger };

export interface LoggerOptions {
  level: string;
  /** Coloured lines for a person instead of JSON; default: whether standard output is a terminal. */
  pretty?: boolean;
}

/** Fields that a line of a task has; a person sees them as `[name(id)]` in front of the message. */
const TASK_FIELDS = 'task,taskId,attempt';

/** Opens the log of a process on standard output: one line an event. */
export function openLogger({ level, pretty = process.stdout.isTTY }: LoggerOptions): Logger {
  const base = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  // Not synchronous: a worker would spend a tenth of its time on writing lines. What is left is written at the exit.
  if (!pretty) return pino(base, pino.destination({ dest: 1, sync: false }));
  return pino(
    base,
    build({
      sync: true,
      translateTime: 'HH:MM:ss.l',
      ignore: TASK_FIELDS,
      messageFormat: (log, key) => {
        const { task, taskId, [key]: text = '' } = log as Record<string, string | undefined>;
        return task === undefined ? text : `[${task}(${taskId})] ${text}`;
      },
    }),
  );
}
