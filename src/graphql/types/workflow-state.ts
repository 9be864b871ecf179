import {
  JOIN_POLICIES,
  type JoinPolicy,
  ON_FAILURE,
  type OnFailure,
  STEP_STATES,
  type StepState,
  WORKFLOW_STATES,
  type WorkflowState,
} from '../../core/workflow-state.ts';
import type { Builder } from '../builder.ts';
import { enumValues } from '../enum-values.ts';

const WORKFLOW_DESCRIPTIONS: Record<WorkflowState, string> = {
  RUNNING: 'Not all of its steps have ended.',
  SUCCESS: 'All of its steps have ended, and no failure that was not allowed for was among them.',
  FAILURE: 'A step failed whose failure was not allowed for.',
  REVOKED: 'It was cancelled.',
};

const STEP_DESCRIPTIONS: Record<StepState, string> = {
  BLOCKED: 'It waits for other steps.',
  READY: 'Its task is enqueued.',
  RUNNING: 'Its task has started; also while that waits for its next attempt.',
  SUCCESS: 'Its task has its result.',
  FAILURE: 'Its task failed, or its payload could not be put together.',
  SKIPPED: 'What it depends on can’t let it start any more.',
  REVOKED: 'It did not start before the workflow failed or was cancelled, or its task was revoked.',
};

const ON_FAILURE_DESCRIPTIONS: Record<OnFailure, string> = {
  FAIL: 'The workflow fails: what has not started is revoked.',
  CONTINUE: 'The steps that depend on it run without it.',
  SKIP: 'The steps that need it are skipped.',
};

const JOIN_DESCRIPTIONS: Record<JoinPolicy, string> = {
  ALL: 'All that it depends on must succeed.',
  ALL_SETTLED: 'All that it depends on must have ended, in whatever way.',
  ANY: 'So many as joinCount says must succeed of those that it depends on.',
};

/** Adds WorkflowState, StepState, OnFailure and JoinPolicy. */
export function addWorkflowState(builder: Builder): void {
  builder.enumType('WorkflowState', {
    description: 'Where a workflow is in its life. SUCCESS, FAILURE and REVOKED are its end.',
    values: enumValues(WORKFLOW_STATES, WORKFLOW_DESCRIPTIONS),
  });
  builder.enumType('StepState', {
    description: 'Where a step of a workflow is in its life. SUCCESS, FAILURE, SKIPPED and REVOKED are its end.',
    values: enumValues(STEP_STATES, STEP_DESCRIPTIONS),
  });
  builder.enumType('OnFailure', {
    description: 'What the failure of a step means to its workflow.',
    values: enumValues(ON_FAILURE, ON_FAILURE_DESCRIPTIONS),
  });
  builder.enumType('JoinPolicy', {
    description: 'What a step waits for.',
    values: enumValues(JOIN_POLICIES, JOIN_DESCRIPTIONS),
  });
}
