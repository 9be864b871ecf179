import type { TaskProgress } from '../../core/progress.ts';
import type { TaskEventType, TaskEvent } from '../../core/task-event.ts';
import { statesBefore } from '../../core/task-state.ts';
import { type Sql, stateList, statement } from '../sql.ts';

/** An event that a running attempt adds: progress, or a line of its log. */
export interface NewEvent {
  taskId: string;
  attempt: number;
  type: Extract<TaskEventType, 'PROGRESS' | 'LOG'>;
  progress: TaskProgress | null;
  message: string | null;
  /** ISO 8601. */
  at: string;
}

/**
 * Each task's sequence grows by the number of its events in the batch, under the lock of its row, so sequences have no
 * hole and never run backwards.
 */
const APPEND_EVENTS = statement(`
  with input as (
    select * from jsonb_to_recordset($1::jsonb) as i(
      "taskId" uuid, attempt int, type text, progress jsonb, message text, at timestamptz, ordinal int, count int,
      latest jsonb
    )
  ), grown as (
    update task t
    set sequence = t.sequence + i.count,
      state = case when i.latest is null then t.state else 'PROGRESS' end,
      progress = coalesce(i.latest, t.progress)
    from input i
    where i.ordinal = 1 and t.id = i."taskId" and t.attempt = i.attempt
      and t.state in (${stateList(statesBefore('PROGRESS'))})
    returning t.id, t.attempt, t.sequence - i.count as before, t.state
  ), added as (
    insert into task_event (task_id, sequence, type, at, state, attempt, progress, message)
    select g.id, g.before + i.ordinal, i.type, i.at, g.state, i.attempt, i.progress, i.message
    from grown g join input i on i."taskId" = g.id and i.attempt = g.attempt
    returning task_id, attempt, sequence, state
  )
  select task_id as "taskId", attempt, sequence, state from added order by task_id, sequence`);

/**
 * Appends events in the order given; answers, for each, the event with its sequence, or null when its attempt is not the
 * task's current one any more.
 */
export async function appendEvents(sql: Sql, events: readonly NewEvent[]): Promise<(TaskEvent | null)[]> {
  const input = [...Map.groupBy(events, attemptKey).values()].flatMap((ofAttempt) => {
    const latest = ofAttempt.findLast(({ progress }) => progress !== null)?.progress ?? null;
    return ofAttempt.map((event, index) => ({ ...event, ordinal: index + 1, count: ofAttempt.length, latest }));
  });
  const rows = await sql.query<AddedEvent>(APPEND_EVENTS, [JSON.stringify(input)]);
  const added = Map.groupBy(rows, attemptKey);
  return events.map((event) => {
    const row = added.get(attemptKey(event))?.shift();
    return row ? { ...event, sequence: row.sequence, state: row.state } : null;
  });
}

type AddedEvent = Pick<TaskEvent, 'taskId' | 'attempt' | 'sequence' | 'state'>;

function attemptKey({ taskId, attempt }: { taskId: string; attempt: number }): string {
  return `${taskId}/${attempt}`;
}

const COUNT_LOG_LINES = statement(`select count(*)::int as lines from task_event where task_id = $1 and type = 'LOG'`);

/** How many lines a task has logged. */
export async function countLogLines(sql: Sql, taskId: string): Promise<number> {
  const [row] = await sql.query<{ lines: number }>(COUNT_LOG_LINES, [taskId]);
  return row?.lines ?? 0;
}
