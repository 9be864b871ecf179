/**
 * The life of a task, in Celery's words.
 *
 * ```
 * PENDING ─▶ STARTED ─▶ PROGRESS ─▶ SUCCESS
 *    │          │  ╲________╱  ╲──▶ FAILURE
 *    │          └──────▶ RETRY ──▶ STARTED (next attempt)
 *    └────────────▶ REVOKED ◀── (from any state that is not terminal)
 * ```
 *
 * A task in FAILURE or REVOKED can be run again by hand (`retryTask`), which takes it back to PENDING.
 */
export const TASK_STATES = ['PENDING', 'STARTED', 'PROGRESS', 'RETRY', 'SUCCESS', 'FAILURE', 'REVOKED'] as const;

export type TaskState = (typeof TASK_STATES)[number];

/** States in which nothing more happens to a task by itself. */
export const TERMINAL_STATES = ['SUCCESS', 'FAILURE', 'REVOKED'] as const satisfies readonly TaskState[];

export type TerminalState = (typeof TERMINAL_STATES)[number];

const NEXT_STATES: Readonly<Record<TaskState, readonly TaskState[]>> = {
  PENDING: ['STARTED', 'REVOKED'],
  STARTED: ['PROGRESS', 'RETRY', 'SUCCESS', 'FAILURE', 'REVOKED'],
  PROGRESS: ['PROGRESS', 'RETRY', 'SUCCESS', 'FAILURE', 'REVOKED'],
  RETRY: ['STARTED', 'REVOKED'],
  SUCCESS: [],
  FAILURE: ['PENDING'],
  REVOKED: ['PENDING'],
};

/** Whether a task in `state` is at its end. */
export function isTerminal(state: TaskState): state is TerminalState {
  return (TERMINAL_STATES as readonly TaskState[]).includes(state);
}

/** Whether the table of transitions lets a task go from one state to another. */
export function canBecome(from: TaskState, to: TaskState): boolean {
  return NEXT_STATES[from].includes(to);
}

/**
 * The states from which a task may become `to`. Every statement that writes a state takes its `where` from here, so that
 * an illegal transition changes no row.
 */
export function statesBefore(to: TaskState): TaskState[] {
  return TASK_STATES.filter((from) => canBecome(from, to));
}
