import type { History } from '../../core/event-history.ts';
import type { WorkflowEvent } from '../../core/workflow-event.ts';
import { isoUtc, type Sql, statement } from '../sql.ts';

const EVENT = `jsonb_build_object('workflowId', e.workflow_id, 'sequence', e.sequence, 'type', e.type, 'at', ${isoUtc('e.at')},
  'state', e.state, 'percent', e.percent, 'stepKey', e.step_key, 'stepState', e.step_state, 'taskId', e.task_id,
  'taskSequence', e.task_sequence)`;

const READ_HISTORY = statement(`
  select ${EVENT} as newest,
    coalesce((
      select jsonb_agg(${EVENT} order by e.sequence) from (
        select * from workflow_event where workflow_id = w.id and sequence > $2 order by sequence limit $3
      ) e
    ), '[]') as events
  from workflow w join workflow_event e on e.workflow_id = w.id and e.sequence = w.sequence
  where w.id = $1`);

/**
 * Reads the events of a workflow whose sequence is greater than `after`, at most `limit`. Null when there is no such
 * workflow.
 */
export async function readWorkflowHistory(
  sql: Sql,
  workflowId: string,
  after: number,
  limit: number,
): Promise<History<WorkflowEvent> | null> {
  const values = [workflowId, after, limit];
  const [row] = await sql.query<{ newest: WorkflowEvent; events: WorkflowEvent[] }>(READ_HISTORY, values);
  if (!row) return null;
  const { newest, events } = row;
  const terminal = newest.state === 'RUNNING' ? null : newest;
  const last = events.at(-1)?.sequence ?? after;
  return {
    events,
    more: limit > 0 && last < newest.sequence,
    ended: terminal !== null && last >= newest.sequence,
    snapshot: { ...newest, type: 'SNAPSHOT', stepKey: null, stepState: null, taskId: null, taskSequence: null },
    terminal,
  };
}

const READ_SEQUENCES = statement('select id, sequence from workflow where id = any ($1::uuid[])');

/** The newest sequence of each workflow; workflows that are gone are left out. */
export function readWorkflowSequences(sql: Sql, ids: readonly string[]): Promise<{ id: string; sequence: number }[]> {
  return sql.query(READ_SEQUENCES, [ids]);
}
