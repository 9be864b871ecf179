import type { TaskError } from '../../core/task-event.ts';
import type { WorkflowState } from '../../core/workflow-state.ts';
import { isoUtc, type Sql, statement } from '../sql.ts';
import { RUNNING_WEIGHT } from './append-workflow-progress.ts';

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
    case w.state when 'RUNNING'
      then greatest(w.percent, least(100, 100 * (w.done_weight + ${RUNNING_WEIGHT}) / w.weight))
      else w.percent end as percent
  from workflow w
  where w.id = any ($1::uuid[])`);

/** Reads workflows, in any order; those that are gone are left out. */
export function readWorkflows(sql: Sql, ids: readonly string[]): Promise<WorkflowView[]> {
  return sql.query<WorkflowView>(READ_WORKFLOWS, [ids]);
}
