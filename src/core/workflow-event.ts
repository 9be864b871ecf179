import type { StepState, WorkflowState } from './workflow-state.ts';

/**
 * What can happen to a workflow. SNAPSHOT is not stored, as that of a task. STEP: a step has come to another state. PROGRESS: a
 * step that runs has got further. ENQUEUED comes first, and again when the workflow is run again by hand.
 */
export const WORKFLOW_EVENT_TYPES = [
  'SNAPSHOT',
  'ENQUEUED',
  'STEP',
  'PROGRESS',
  'SUCCESS',
  'FAILURE',
  'REVOKED',
] as const;

export type WorkflowEventType = (typeof WORKFLOW_EVENT_TYPES)[number];

/**
 * One event of one workflow. `sequence` counts 1, 2, 3 … within the workflow, without a hole; the last event of one that
 * ended is its one terminal event. Plain JSON, as a `TaskEvent`.
 */
export interface WorkflowEvent {
  workflowId: string;
  sequence: number;
  type: WorkflowEventType;
  /** ISO 8601, UTC, milliseconds. */
  at: string;
  /** Of the workflow after it. */
  state: WorkflowState;
  /** 0–100, by weight: what has ended, and what runs as far as it was told. It never goes back in a run. */
  percent: number;
  /** With STEP and PROGRESS, as what follows. */
  stepKey: string | null;
  stepState: StepState | null;
  /** The event of the step's task that made it, if one did. */
  taskId: string | null;
  taskSequence: number | null;
}
