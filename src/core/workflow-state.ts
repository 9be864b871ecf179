/**
 * Words: a *workflow* is a graph of *steps* without a cycle; a step is a task that is enqueued when the steps that it depends
 * on (its *dependencies*) let it, and that its *dependants* wait for.
 *
 * ```
 * BLOCKED ─▶ READY ─▶ RUNNING ─▶ SUCCESS
 *    │         │         ├─────▶ FAILURE ◀── (its payload could not be put together)
 *    │         │         └─────▶ REVOKED
 *    │         └───────────────▶ FAILURE, REVOKED
 *    └─▶ SKIPPED, REVOKED
 * ```
 *
 * READY: its task is enqueued. RUNNING: an attempt of it has started; a task in RETRY is still RUNNING here. A workflow ends
 * when every one of its steps has: REVOKED when it was cancelled, FAILURE when a step failed whose failure is not allowed
 * for, else SUCCESS. From the failure or the cancelling on nothing more becomes READY, and what has not started is REVOKED.
 */
export const STEP_STATES = ['BLOCKED', 'READY', 'RUNNING', 'SUCCESS', 'FAILURE', 'SKIPPED', 'REVOKED'] as const;

export type StepState = (typeof STEP_STATES)[number];

/** States of a step in which nothing more happens to it by itself. */
export const ENDED_STEP_STATES = ['SUCCESS', 'FAILURE', 'SKIPPED', 'REVOKED'] as const satisfies readonly StepState[];

export type EndedStepState = (typeof ENDED_STEP_STATES)[number];

/** Whether a step in `state` is at its end. */
export function isEndedStep(state: StepState): state is EndedStepState {
  return (ENDED_STEP_STATES as readonly StepState[]).includes(state);
}

/** FAILURE and REVOKED can be taken back to RUNNING by hand (`retryWorkflow`). */
export const WORKFLOW_STATES = ['RUNNING', 'SUCCESS', 'FAILURE', 'REVOKED'] as const;

export type WorkflowState = (typeof WORKFLOW_STATES)[number];

/**
 * What the failure of a step means. FAIL: the workflow fails. CONTINUE: its dependants run without it. SKIP: those that need
 * it are skipped.
 */
export const ON_FAILURE = ['FAIL', 'CONTINUE', 'SKIP'] as const;

export type OnFailure = (typeof ON_FAILURE)[number];

/** What a step waits for. ALL: that all have succeeded. ALL_SETTLED: that all have ended. ANY: that so many have succeeded. */
export const JOIN_POLICIES = ['ALL', 'ALL_SETTLED', 'ANY'] as const;

export type JoinPolicy = (typeof JOIN_POLICIES)[number];

/** How a dependency ended, as its dependants see it. `forgiven`: it failed, and they are to run without it. */
export type Settled = 'succeeded' | 'forgiven' | 'missing';

/** How a dependant is to count a step that has ended. */
export function settledAs(state: EndedStepState, onFailure: OnFailure): Settled {
  if (state === 'SUCCESS') return 'succeeded';
  return state !== 'SKIPPED' && onFailure === 'CONTINUE' ? 'forgiven' : 'missing';
}

/** What a step waits for, and how far that is: of its dependencies, so many have ended in each way. */
export interface Join extends Record<Settled, number> {
  join: JoinPolicy;
  /** With ANY. */
  joinCount: number;
  dependencies: number;
}

/**
 * Whether a step may start, can't any more, or has to wait. With ANY, failures that are forgiven make up for missing
 * successes only when everything has ended: until then a success may still come.
 */
export function decideJoin(step: Join): 'start' | 'skip' | 'wait' {
  const { join, joinCount, dependencies, succeeded, forgiven, missing } = step;
  const open = dependencies - succeeded - forgiven - missing;
  if (dependencies === 0) return 'start';
  switch (join) {
    case 'ALL':
      if (missing > 0) return 'skip';
      return open === 0 ? 'start' : 'wait';
    case 'ALL_SETTLED':
      return open === 0 ? 'start' : 'wait';
    case 'ANY':
      if (succeeded >= joinCount) return 'start';
      if (succeeded + forgiven + open < joinCount) return 'skip';
      return open === 0 ? 'start' : 'wait';
  }
}
