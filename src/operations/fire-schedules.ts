import { dueFires, planFires } from '../core/due-fires.ts';
import { type InputProblem, UserInputError } from '../core/errors.ts';
import { nextFire } from '../core/schedule.ts';
import { isTerminal } from '../core/task-state.ts';
import { type Sql, transactionSql } from '../db/sql.ts';
import { findDueSchedules, readClock } from '../db/statements/find-schedules.ts';
import { insertTasks, type NewTask } from '../db/statements/insert-tasks.ts';
import { type LockedSchedule, listOpenRuns, listWaitingFires, lockSchedule } from '../db/statements/lock-schedule.ts';
import { addRuns, recordFires } from '../db/statements/record-fires.ts';
import { cancelTask, type CancelResources } from './cancel-task.ts';
import { dispatchNew } from './enqueue-task.ts';
import type { EnqueueResources, ServiceResources } from './resources.ts';
import { prepareRun } from './schedule-runs.ts';

/** What firing needs: every worker has it. */
export type FireResources = EnqueueResources & CancelResources & Pick<ServiceResources, 'logger'>;

/** When a schedule is looked at. */
export interface FireTime {
  /** Default: the time in Postgres. */
  now?: Date | undefined;
  /**
   * The fire that a timer came for. It is due although the clock of Postgres is up to {@link CLOCK_SKEW_MS} behind the timer's:
   * else each fire would wait for the next look.
   */
  woken?: Date | undefined;
}

const CLOCK_SKEW_MS = 1000;

/**
 * A schedule that is decided further ahead than this was decided by a clock that was wrong. It begins anew, else it would be
 * silent until that time; what fired already does not come again, as its idempotency key is taken.
 */
const CLOCK_STEP_MS = 3_600_000;

/** More than these are left to the next look. */
const SCHEDULES_AT_ONCE = 1000;

/**
 * Fires every schedule that has something due at `now`, by default the time in Postgres, and whose task this process knows.
 * Answers the ids of the tasks that came of it. A schedule that fails is logged and does not hold up the others.
 */
export async function fireDueSchedules(resources: FireResources, now?: Date): Promise<string[]> {
  const { sql, catalog, logger } = resources;
  const names = catalog.contracts.map(({ name }) => name);
  const at = now ?? (await readClock(sql));
  const ahead = new Date(at.getTime() + CLOCK_STEP_MS);
  const keys = await findDueSchedules(sql, { now: at, ahead, tasks: names, limit: SCHEDULES_AT_ONCE });
  const ids: string[] = [];
  for (const key of keys) {
    const enqueued = await fireSchedule(resources, key, { now }).catch((error: unknown) => {
      logger.warn({ schedule: key, err: error }, 'A schedule could not fire; it is tried again');
      return [];
    });
    ids.push(...enqueued);
  }
  return ids;
}

/**
 * Decides the fires of one schedule that are due and enqueues what comes of them, in one transaction that holds the schedule's row: whoever else comes at the same time waits, and finds nothing due.
 * Answers the ids of the new tasks. A schedule that is unknown or paused, or whose task is unknown here, is left alone.
 */
export async function fireSchedule(resources: FireResources, key: string, time: FireTime = {}): Promise<string[]> {
  const { tasks, cancelled } = await resources.orm.em
    .fork()
    .transactional((em) => decide(resources, transactionSql(em), key, time));
  dispatchNew(resources, tasks);
  const ids = tasks.map(({ id }) => id);
  if (cancelled.length === 0 || !(await cancelRuns(resources, key, cancelled))) return ids;
  return [...ids, ...(await fireSchedule(resources, key, time))];
}

/** What a transaction has decided. */
interface Decision {
  tasks: NewTask[];
  /** Runs that are to be cancelled once it has committed. */
  cancelled: string[];
}

const NOTHING: Decision = { tasks: [], cancelled: [] };

async function decide(resources: FireResources, sql: Sql, key: string, time: FireTime): Promise<Decision> {
  const schedule = await lockSchedule(sql, key);
  if (!schedule?.enabled || !resources.catalog.find(schedule.task)) return NOTHING;
  const now = time.now ?? laterOf(await readClock(sql), time.woken);
  const isAhead = schedule.cursor.getTime() - now.getTime() > CLOCK_STEP_MS;
  const cursor = isAhead ? now : schedule.cursor;
  const due = dueFires({ ...schedule, timing: schedule, cursor, now });
  const waited = await listWaitingFires(sql, key);
  if (waited.length === 0 && due.cursor <= cursor && !isAhead) return NOTHING;

  const keepsRuns = schedule.overlap !== 'ALLOW';
  const open = keepsRuns ? await listOpenRuns(sql, key) : [];
  const plan = planFires(schedule.overlap, [...waited, ...due.fires], open.length);
  const { tasks, problem } = prepareRuns(resources, schedule, plan.run);
  const inserted = tasks.length > 0 ? await insertTasks(sql, tasks) : new Set<string>();
  if (keepsRuns && inserted.size > 0) await addRuns(sql, key, [...inserted]);
  await recordFires(sql, {
    key,
    cursor: due.cursor,
    nextRunAt: nextFire(schedule, due.cursor),
    lastRunAt: inserted.size > 0 ? now : null,
    waiting: plan.waiting,
    problem,
  });
  return { tasks: tasks.filter(({ id }) => inserted.has(id)), cancelled: plan.cancel ? open : [] };
}

function laterOf(clock: Date, woken: Date | undefined): Date {
  const aheadMs = (woken?.getTime() ?? 0) - clock.getTime();
  return woken && aheadMs > 0 && aheadMs <= CLOCK_SKEW_MS ? woken : clock;
}

/** The tasks of fires; none, and why, when the contract does not take the payload any more. */
function prepareRuns(
  resources: FireResources,
  schedule: LockedSchedule,
  fires: readonly Date[],
): { tasks: NewTask[]; problem: InputProblem | null | undefined } {
  if (fires.length === 0) return { tasks: [], problem: undefined };
  try {
    return { tasks: fires.map((fire) => prepareRun(resources, schedule, fire)), problem: null };
  } catch (error) {
    if (!(error instanceof UserInputError)) throw error;
    if (!schedule.failing) {
      resources.logger.warn({ schedule: schedule.key, error: error.message }, 'A schedule fires and enqueues nothing');
    }
    return { tasks: [], problem: error.problems[0] ?? null };
  }
}

/** Cancels runs; answers whether all have ended by now. Those that run are asked for, and asked again by the next look. */
async function cancelRuns(resources: FireResources, key: string, ids: readonly string[]): Promise<boolean> {
  let ended = true;
  for (const id of ids) {
    const reason = `the next run of schedule ${key} is due`;
    const task = await cancelTask(resources, { id, reason }).catch((error: unknown) => {
      if (error instanceof UserInputError) return undefined; // it has ended meanwhile
      throw error;
    });
    if (task && !isTerminal(task.state)) ended = false;
  }
  return ended;
}
