import type { StepDetails, StepRecord, WorkflowRecord } from '../../core/advance-workflow.ts';
import { type Sql, statement } from '../sql.ts';

/** A workflow as it is before anything happened to it. */
export interface NewWorkflow extends Pick<WorkflowRecord, 'id' | 'owner' | 'openSteps' | 'weight'> {
  name: string;
  idempotencyKey: string | null;
  /** Two workflows with the same one are described by the same steps. */
  fingerprint: string;
  createdAt: Date;
}

/** A step with the edges to those that it depends on. */
export interface NewStep extends StepRecord, StepDetails {
  /** Their positions. */
  dependsOn: readonly number[];
}

const INSERT_WORKFLOW = statement(`
  with inserted as (
    insert into workflow (id, name, owner, idempotency_key, fingerprint, open_steps, weight, created_at)
    select id, name, owner, "idempotencyKey", fingerprint, "openSteps", weight, "createdAt"
    from jsonb_to_record($1::jsonb) as i(
      id uuid, name text, owner text, "idempotencyKey" text, fingerprint text, "openSteps" int, weight float8,
      "createdAt" timestamptz
    )
    on conflict (owner, idempotency_key) where idempotency_key is not null do nothing
    returning id, created_at
  ), steps as (
    insert into workflow_step (workflow_id, position, key, state, task, payload, input_from, options, on_failure,
      join_policy, join_count, weight, dependencies, dependants, task_id)
    select w.id, i.position, i.key, i.state, i.task, i.payload, i."inputFrom", i.options, i."onFailure", i."join",
      i."joinCount", i.weight, i."dependsOn", i.dependants, i."taskId"
    from inserted w, jsonb_to_recordset($2::jsonb) as i(
      position int, key text, state text, task text, payload jsonb, "inputFrom" jsonb, options jsonb, "onFailure" text,
      "join" text, "joinCount" int, weight float8, "dependsOn" int[], dependants int[], "taskId" uuid
    )
  ), enqueued as (
    insert into workflow_event (workflow_id, sequence, type, at, state, percent)
    select id, 1, 'ENQUEUED', created_at, 'RUNNING', 0 from inserted
  )
  select id from inserted`);

/** Inserts a workflow with all its steps; answers false when its idempotency key is taken. */
export async function insertWorkflow(sql: Sql, workflow: NewWorkflow, steps: readonly NewStep[]): Promise<boolean> {
  return (await sql.query(INSERT_WORKFLOW, [JSON.stringify(workflow), JSON.stringify(steps)])).length > 0;
}

const FIND_KEY_HOLDER = statement(`
  select id, fingerprint from workflow where owner = $1 and idempotency_key = $2`);

/** The workflow that holds an idempotency key. */
export async function findWorkflowWithKey(
  sql: Sql,
  owner: string,
  key: string,
): Promise<{ id: string; fingerprint: string } | undefined> {
  const [row] = await sql.query<{ id: string; fingerprint: string }>(FIND_KEY_HOLDER, [owner, key]);
  return row;
}
