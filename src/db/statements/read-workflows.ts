import type { TaskError } from '../../core/task-event.ts';
import type { WorkflowState } from '../../core/workflow-state.ts';
import { isoUtc, type Sql, statement } from '../sql.ts';

/** A workflow as a whole. */
export interface WorkflowView {
  id: string;
  name: string;
  state: WorkflowState;
  /** Of its newest event. */
  sequence: number;
  /** 0–100, by the weights of its steps: what has ended, and what runs as far as its task says it is. */
  percent: number;
  /** That of the first step whose failure was not allowed for. */
  error: TaskError | null;
  /** ISO 8601, as `finishedAt`. */
  createdAt: string;
  finishedAt: string | null;
  cancelReason: string | null;
}

/** percent = 100 · (weight of what has ended + Σ weight · its task's percent / 100 over what runs) / weight of all. */
const READ_WORKFLOWS = statement(`
  select w.id, w.name, w.state, w.sequence, w.error, ${isoUtc('w.created_at')} as "createdAt",
    ${isoUtc('w.finished_at')} as "finishedAt", w.cancel_reason as "cancelReason",
    least(100, 100 * (w.done_weight + coalesce(r.weight, 0)) / w.weight) as percent
  from workflow w left join lateral (
    select sum(s.weight * (t.progress ->> 'percent')::float8 / 100) as weight
    from workflow_step s join task t on t.id = s.task_id
    where s.workflow_id = w.id and s.state = 'RUNNING'
  ) r on w.state = 'RUNNING'
  where w.id = any ($1::uuid[])`);

/** Reads workflows, in any order; those that are gone are left out. */
export function readWorkflows(sql: Sql, ids: readonly string[]): Promise<WorkflowView[]> {
  return sql.query<WorkflowView>(READ_WORKFLOWS, [ids]);
}
