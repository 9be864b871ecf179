import type { TaskError } from '../../core/task-event.ts';
import type { JoinPolicy, OnFailure, StepState } from '../../core/workflow-state.ts';
import { type Sql, statement } from '../sql.ts';

/** A step of a workflow, as it was described and as it is now. */
export interface WorkflowStepView {
  workflowId: string;
  key: string;
  state: StepState;
  /** The keys of the steps that it depends on. */
  dependsOn: string[];
  taskName: string;
  /** Null when no task of it was ever enqueued. */
  taskId: string | null;
  onFailure: OnFailure;
  join: JoinPolicy;
  /** With ANY. */
  joinCount: number;
  weight: number;
  /** How it failed; null when it did not. */
  error: TaskError | null;
}

interface StepRow extends WorkflowStepView {
  position: number;
  /** Positions. */
  dependencies: number[];
}

const READ_STEPS = statement(`
  select workflow_id as "workflowId", position, key, state, dependencies, task as "taskName", task_id as "taskId",
    on_failure as "onFailure", join_policy as "join", join_count as "joinCount", weight, error
  from workflow_step where workflow_id = any ($1::uuid[]) order by workflow_id, position`);

/** Reads the steps of workflows by the ids of these, each in the order in which they were described. */
export async function readWorkflowSteps(
  sql: Sql,
  workflowIds: readonly string[],
): Promise<Map<string, WorkflowStepView[]>> {
  const rows = Map.groupBy(await sql.query<StepRow>(READ_STEPS, [workflowIds]), ({ workflowId }) => workflowId);
  return new Map([...rows].map(([workflowId, steps]) => [workflowId, withKeys(steps)]));
}

function withKeys(steps: readonly StepRow[]): WorkflowStepView[] {
  const keys = new Map(steps.map(({ position, key }) => [position, key]));
  return steps.map(({ position: _position, dependencies, ...step }) => ({
    ...step,
    dependsOn: dependencies.flatMap((position) => keys.get(position) ?? []),
  }));
}

const READ_KEYS = statement(`
  select s.workflow_id as "workflowId", s.position, s.key
  from jsonb_to_recordset($1::jsonb) as i("workflowId" uuid, position int)
  join workflow_step s on s.workflow_id = i."workflowId" and s.position = i.position`);

/** Reads the keys of steps, in any order. */
export function readStepKeys(
  sql: Sql,
  places: readonly { workflowId: string; position: number }[],
): Promise<{ workflowId: string; position: number; key: string }[]> {
  return sql.query(READ_KEYS, [JSON.stringify(places)]);
}
