import type { Failure } from '../../src/core/failure.ts';
import type { ProgressReport } from '../../src/core/progress.ts';
import type { DispatchableTask } from '../../src/db/statements/find-undispatched.ts';
import type { SettledTask } from '../../src/db/statements/settle-attempts.ts';
import type { WorkflowNews } from '../../src/operations/advance-workflows.ts';

/** The file descriptor that a child process shares with its worker, which is otherwise silent: it closes when either ends. */
export const LIFELINE_FD = 4;

export const MEBIBYTE = 2 ** 20;

/** What the worker says to a child. All messages are plain JSON. */
export type ToChild =
  | { type: 'run'; run: ChildRun }
  | { type: 'abort'; reason: AbortMessage }
  /** Everything that the child had reported when it asked is written. */
  | { type: 'flushed' }
  /** There is no further run. */
  | { type: 'end' };

/** One attempt, as a child needs it. */
export interface ChildRun {
  taskId: string;
  attempt: number;
  name: string;
  input: unknown;
  /** The workflow that it is a step of. */
  workflowId: string | null;
  /** Of its temporary files. */
  folder: string;
}

/** Why the signal fires. `softSeconds` when it is the soft time limit. */
export interface AbortMessage {
  code: string;
  message: string;
  softSeconds?: number;
}

/** What a child says to the worker. */
export type FromChild =
  | { type: 'progress'; report: ProgressReport }
  | { type: 'line'; line: string }
  /** Tasks that it enqueued, committed. */
  | { type: 'dispatch'; tasks: DispatchableTask[] }
  /** Tasks that it enqueued in a transaction that may not have ended. */
  | { type: 'uncommitted'; ids: string[] }
  /** Asks for a `flushed`. */
  | { type: 'flush' }
  | ChildEnd;

/** How a run ended, and what the child holds in memory then, in MiB. */
export type ChildEnd = { memoryMb: number } & (
  | { type: 'result'; result: unknown }
  /** A database task, recorded in the child's own transaction. */
  | { type: 'recorded'; settled: SettledTask; result: unknown; news: WorkflowNews }
  | { type: 'fenced' }
  | { type: 'failed'; failure: Failure }
);
