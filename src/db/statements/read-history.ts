import type { History } from '../../core/event-history.ts';
import type { TaskProgress } from '../../core/progress.ts';
import type { TaskError, TaskEvent } from '../../core/task-event.ts';
import { isTerminal, type TaskState } from '../../core/task-state.ts';
import { isoUtc, type Sql, statement } from '../sql.ts';

/** The task's row as far as its events follow from it. */
interface LifeRow {
  state: TaskState;
  sequence: number;
  attempt: number;
  startedSequence: number | null;
  createdAt: string;
  attemptStartedAt: string | null;
  finishedAt: string | null;
  progress: TaskProgress | null;
  result: unknown;
  error: TaskError | null;
  cancelReason: string | null;
  events: StoredEvent[];
}

type StoredEvent = Omit<TaskEvent, 'taskId'>;

const LIFE = `t.state, t.sequence, t.attempt, t.started_sequence as "startedSequence", ${isoUtc('t.created_at')} as "createdAt",
    ${isoUtc('t.attempt_started_at')} as "attemptStartedAt", ${isoUtc('t.finished_at')} as "finishedAt",
    t.progress, t.result, t.error, t.cancel_reason as "cancelReason"`;

const STORED_EVENT = `sequence, type, ${isoUtc('at')} as at, state, attempt, progress, message, result, error`;

const READ_HISTORY = statement(`
  select ${LIFE},
    coalesce((
      select jsonb_agg(e order by e.sequence) from (
        select ${STORED_EVENT} from task_event where task_id = t.id and sequence > $2 order by sequence limit $3
      ) e
    ), '[]') as events
  from task t where t.id = $1`);

/**
 * Reads the events of a task whose sequence is greater than `after`, at most about `limit` (two more at most, of those that
 * the task's row itself tells). Null when there is no such task.
 */
export async function readHistory(
  sql: Sql,
  taskId: string,
  after: number,
  limit: number,
): Promise<History<TaskEvent> | null> {
  const [row] = await sql.query<LifeRow>(READ_HISTORY, [taskId, after, limit]);
  if (!row) return null;
  const more = row.events.length === limit && limit > 0;
  const reach = more ? (row.events.at(-1)?.sequence ?? 0) : Number.POSITIVE_INFINITY;
  const told = eventsOfRow(row).filter(({ sequence }) => sequence > after && sequence <= reach);
  const events = [...row.events, ...told]
    .toSorted((a, b) => a.sequence - b.sequence)
    .map((event) => ({ ...event, taskId }));
  const last = events.at(-1)?.sequence ?? after;
  const terminal = terminalOf(row);
  return {
    events,
    more,
    ended: terminal !== null && last >= row.sequence,
    snapshot: snapshotOf(taskId, row),
    terminal: terminal && { ...terminal, taskId },
  };
}

/** The events that are not stored because the task's row says them. */
function eventsOfRow(row: LifeRow): StoredEvent[] {
  const told: StoredEvent[] = [{ sequence: 1, type: 'ENQUEUED', at: row.createdAt, state: 'PENDING', attempt: 0 }];
  if (row.startedSequence !== null && row.attemptStartedAt !== null) {
    const { startedSequence: sequence, attemptStartedAt: at, attempt } = row;
    told.push({ sequence, type: 'STARTED', at, state: 'STARTED', attempt });
  }
  const terminal = terminalOf(row);
  return terminal ? [...told, terminal] : told;
}

function terminalOf(row: LifeRow): StoredEvent | null {
  if (!isTerminal(row.state) || row.finishedAt === null) return null;
  const { sequence, state, finishedAt: at, attempt, result, error, cancelReason } = row;
  return { sequence, type: state, at, state, attempt, ...outcomeOf(state, result, error, cancelReason) };
}

function outcomeOf(state: TaskState, result: unknown, error: TaskError | null, cancelReason: string | null) {
  if (state === 'SUCCESS') return { result };
  return state === 'REVOKED' ? { error, message: cancelReason } : { error };
}

function snapshotOf(taskId: string, row: LifeRow): TaskEvent {
  const { sequence, state, attempt, progress, result, error } = row;
  const at = row.finishedAt ?? progress?.at ?? row.attemptStartedAt ?? row.createdAt;
  return { taskId, sequence, type: 'SNAPSHOT', at, state, attempt, progress, result, error };
}

/** Which event. */
export interface EventPlace {
  taskId: string;
  sequence: number;
}

const READ_EVENTS = statement(`
  select t.id, i.sequence as wanted, ${LIFE},
    coalesce((
      select jsonb_agg(e) from (
        select ${STORED_EVENT} from task_event where task_id = t.id and sequence = i.sequence
      ) e
    ), '[]') as events
  from jsonb_to_recordset($1::jsonb) as i("taskId" uuid, sequence int) join task t on t.id = i."taskId"`);

/** Reads single events of tasks, in any order; what there is not is left out. */
export async function readEvents(sql: Sql, places: readonly EventPlace[]): Promise<TaskEvent[]> {
  const rows = await sql.query<LifeRow & { id: string; wanted: number }>(READ_EVENTS, [JSON.stringify(places)]);
  return rows.flatMap(({ id: taskId, wanted, ...row }) => {
    const event = [...row.events, ...eventsOfRow(row)].find(({ sequence }) => sequence === wanted);
    return event ? [{ ...event, taskId }] : [];
  });
}

const READ_SEQUENCES = statement('select id, sequence from task where id = any ($1::uuid[])');

/** The newest sequence of each task; tasks that are gone are left out. */
export function readSequences(sql: Sql, ids: readonly string[]): Promise<{ id: string; sequence: number }[]> {
  return sql.query(READ_SEQUENCES, [ids]);
}
