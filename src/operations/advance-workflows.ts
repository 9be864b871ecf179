import { Advance, type StepRecord } from '../core/advance-workflow.ts';
import type { TaskContract } from '../core/define-task.ts';
import { type InputProblem, messageOf } from '../core/errors.ts';
import { toReason } from '../core/reason.ts';
import { type ResolvedInput, resolveInput, withSingleValues } from '../core/resolve-input.ts';
import { PAYLOAD_MAX_LENGTH } from '../core/storable.ts';
import type { TaskError, TaskEvent } from '../core/task-event.ts';
import { isTerminal, type TaskState } from '../core/task-state.ts';
import type { WorkflowEvent } from '../core/workflow-event.ts';
import type { InputFrom } from '../core/workflow-graph.ts';
import type { Sql } from '../db/sql.ts';
import {
  lockWorkflows,
  readOpenSteps,
  readStepStarts,
  readSteps,
  recordAdvances,
  type StepStartDetails,
} from '../db/statements/advance-workflows.ts';
import { reopenTasks, type RevokedTask, revokeWaiting, type StepEnd } from '../db/statements/end-task.ts';
import type { DispatchableTask } from '../db/statements/find-undispatched.ts';
import { insertTasks, type NewTask } from '../db/statements/insert-tasks.ts';
import type { TaskCatalog } from '../tasks/catalog.ts';
import { dispatchable, payloadProblems } from './enqueue-task.ts';
import { stepTask } from './step-task.ts';

/** What there is to say and to do after a transaction in which workflows went on; plain JSON. */
export interface WorkflowNews {
  /** They need a job. */
  tasks: DispatchableTask[];
  /** They need none any more. */
  withdrawn: Pick<DispatchableTask, 'id' | 'run' | 'queue'>[];
  taskEvents: TaskEvent[];
  workflowEvents: WorkflowEvent[];
}

/** Steps that are enqueued by one statement: a payload may have 256 KiB. */
const START_MAX = 250;
const TOO_MUCH = `expected at most ${PAYLOAD_MAX_LENGTH} characters of JSON, but the results that it takes are far more; upload a file instead`;

/** Nothing happened to any workflow. */
export const NO_NEWS: WorkflowNews = { tasks: [], withdrawn: [], taskEvents: [], workflowEvents: [] };

/** A task that came to another state. */
export interface StepEnding extends StepEnd {
  state: TaskState;
  /** Of the STARTED event of the attempt that ended; left out when none did. */
  startedSequence?: number | null;
  error: TaskError | null;
}

/** Tasks of one transaction that came to an end, and what followed from it. */
export interface Ended<T> {
  ended: T[];
  news: WorkflowNews;
}

/**
 * Ends tasks that are steps of the given workflows, in a transaction of the caller's, and lets these workflows go on in the
 * same one: the ends, what becomes READY by them with its tasks, and the events are there together or not at all.
 * {@link WorkflowNews} is to be announced after the commit.
 */
export async function endSteps<T extends StepEnding>(
  catalog: TaskCatalog,
  sql: Sql,
  workflowIds: readonly (string | null)[],
  end: () => Promise<T[]>,
): Promise<Ended<T>> {
  const ids = [...new Set(workflowIds)].filter((id) => id !== null);
  const locked = ids.length === 0 ? [] : await lockWorkflows(sql, ids);
  const ended = await end();
  const advances = locked.map((workflow) => new Advance(workflow, workflow.now));
  const news = await new Advancing(catalog, sql, advances).run(ended);
  return { ended, news };
}

/** Workflows that go on together in one transaction, which holds their locks. */
export class Advancing {
  readonly #catalog: TaskCatalog;
  readonly #sql: Sql;
  readonly #advances: readonly Advance[];
  readonly #byId: ReadonlyMap<string, Advance>;
  readonly #news: WorkflowNews = { tasks: [], withdrawn: [], taskEvents: [], workflowEvents: [] };

  constructor(catalog: TaskCatalog, sql: Sql, advances: readonly Advance[]) {
    this.#catalog = catalog;
    this.#sql = sql;
    this.#advances = advances;
    this.#byId = new Map(advances.map((advance) => [advance.workflow.id, advance]));
  }

  /** Takes in the ends of tasks, follows what they lead to, and writes it. */
  async run(endings: readonly StepEnding[]): Promise<WorkflowNews> {
    if (this.#advances.length === 0) return this.#news;
    await this.#end(endings);
    await this.goOn();
    return this.write();
  }

  /** Starts and skips steps until nothing follows any more; with a failure or a cancelling, revokes what has not started. */
  async goOn(): Promise<void> {
    for (;;) {
      await this.#loadDependants();
      const starting = this.#advances.flatMap((advance) => advance.settleDependants());
      if (starting.length > 0) await this.start(starting);
      else if (this.#advances.every(({ wanted }) => wanted.length === 0)) break;
    }
    await this.#close();
    for (const advance of this.#advances) advance.finish();
  }

  /** Enqueues the tasks of steps; one whose payload can't be put together fails. Not all of many payloads are held at once. */
  async start(starting: readonly StepRecord[]): Promise<void> {
    for (let from = 0; from < starting.length; from += START_MAX) {
      await this.#startSome(starting.slice(from, from + START_MAX).filter((step) => !this.#of(step).closing));
    }
  }

  async #startSome(starting: readonly StepRecord[]): Promise<void> {
    const details = await readStepStarts(this.#sql, starting);
    const detailsOf = new Map(details.map((ofStep) => [placeOf(ofStep), ofStep]));
    const tasks = new Map<StepRecord, NewTask>();
    for (const step of starting) {
      const given = detailsOf.get(placeOf(step));
      if (!given) throw new Error(`expected the step ${step.key} of workflow ${step.workflowId} in Postgres, got none`);
      const prepared = this.#prepare(step, given);
      if ('code' in prepared) this.#of(step).end(step.position, 'FAILURE', null, prepared);
      else tasks.set(step, prepared);
    }
    for (const step of tasks.keys()) if (this.#of(step).closing) tasks.delete(step);
    await this.#reopen(tasks);
    await this.#insert(tasks);
  }

  async write(): Promise<WorkflowNews> {
    const changed = this.#advances.filter(({ events, changedSteps }) => events.length > 0 || changedSteps.length > 0);
    if (changed.length > 0) await recordAdvances(this.#sql, changed);
    const withdrawn = new Set(this.#news.withdrawn.map(({ id }) => id));
    const tasks = this.#news.tasks.filter(({ id }) => !withdrawn.has(id));
    return { ...this.#news, tasks, workflowEvents: changed.flatMap(({ events }) => events) };
  }

  async #end(endings: readonly StepEnding[]): Promise<void> {
    const ofSteps = endings.filter(({ workflowId }) => workflowId !== null);
    if (ofSteps.length === 0) return;
    const places = ofSteps.map(({ workflowId, workflowStep }) => ({
      workflowId: workflowId ?? '',
      position: workflowStep ?? 0,
    }));
    this.#load(await readSteps(this.#sql, places));
    for (const ending of ofSteps) this.#endStep(ending);
  }

  /** A short attempt has not been said to have started before. */
  #endStep({ id: taskId, sequence, startedSequence, workflowId, workflowStep, state, error }: StepEnding): void {
    const advance = this.#byId.get(workflowId ?? '');
    const position = workflowStep ?? 0;
    if (startedSequence != null) advance?.begin(position, { taskId, taskSequence: startedSequence });
    if (isTerminal(state)) advance?.end(position, state, { taskId, taskSequence: sequence }, error);
  }

  async #loadDependants(): Promise<void> {
    const places = this.#advances.flatMap(({ workflow, wanted }) =>
      wanted.map((position) => ({ workflowId: workflow.id, position })),
    );
    if (places.length > 0) this.#load(await readSteps(this.#sql, places));
  }

  #load(steps: readonly StepRecord[]): void {
    for (const step of steps) this.#of(step).load([step]);
  }

  #of({ workflowId }: Pick<StepRecord, 'workflowId'>): Advance {
    const advance = this.#byId.get(workflowId);
    if (!advance) throw new Error(`expected workflow ${workflowId} to be locked, but it is not`);
    return advance;
  }

  /** A contract that only newer workers have is checked by the one that runs the task. */
  #prepare(step: StepRecord, { payload, inputFrom, options, results }: StepStartDetails): NewTask | TaskError {
    if (results === null) return payloadError(TOO_MUCH);
    const resolved = resolveInput(payload, inputFrom, results);
    if (resolved.problem !== undefined) return payloadError(resolved.problem);
    const contract = this.#catalog.find(step.task);
    const fitting = contract ? fittingPayload(contract, resolved.payload, inputFrom) : resolved;
    if (fitting.problem !== undefined) return payloadError(fitting.problem);
    return stepTask(step, { payload: fitting.payload, options }, this.#of(step).workflow.owner);
  }

  /** A step that is run again keeps its task, with what that has done in steps of its own, unless its input is another one. */
  async #reopen(tasks: Map<StepRecord, NewTask>): Promise<void> {
    const again = new Map([...tasks.keys()].flatMap((step) => (step.taskId === null ? [] : [[step.taskId, step]])));
    if (again.size === 0) return;
    const reopened = await reopenTasks(
      this.#sql,
      [...again].map(([id, step]) => ({ id, input: tasks.get(step)?.input })),
    );
    for (const task of reopened) {
      const step = again.get(task.id);
      if (!step) continue;
      tasks.delete(step);
      const { id: taskId, sequence, attempt, at } = task;
      this.#of(step).ready(step.position, { taskId, taskSequence: sequence });
      this.#news.taskEvents.push({ taskId, sequence, type: 'ENQUEUED', at, state: 'PENDING', attempt });
      this.#news.tasks.push({ ...task, delayMs: 0 });
    }
  }

  async #insert(tasks: ReadonlyMap<StepRecord, NewTask>): Promise<void> {
    if (tasks.size === 0) return;
    const created = [...tasks.values()];
    await insertTasks(this.#sql, created);
    for (const [step, { id: taskId }] of tasks) this.#of(step).ready(step.position, { taskId, taskSequence: 1 });
    this.#news.tasks.push(...dispatchable(created));
  }

  async #close(): Promise<void> {
    const closing = this.#advances.filter((advance) => advance.closing && advance.workflow.openSteps > 0);
    if (closing.length === 0) return;
    const open = await readOpenSteps(
      this.#sql,
      closing.map(({ workflow }) => workflow.id),
    );
    this.#load(open);
    for (const advance of closing) {
      const steps = open
        .filter(({ workflowId }) => workflowId === advance.workflow.id)
        .map(({ position }) => advance.step(position));
      await this.#revokeUnstarted(advance, steps);
    }
  }

  /** What runs goes on to its end. */
  async #revokeUnstarted(advance: Advance, steps: readonly StepRecord[]): Promise<void> {
    const reason = whyRevoked(advance);
    const error = { code: 'CANCELLED', message: reason, retryable: false };
    for (const { position, state } of steps) if (state === 'BLOCKED') advance.end(position, 'REVOKED', null, error);
    const taskIds = steps
      .filter(({ state }) => state === 'READY' || state === 'RUNNING')
      .map(({ taskId }) => taskId ?? '');
    const revoked = taskIds.length === 0 ? [] : await revokeWaiting(this.#sql, taskIds, reason);
    for (const task of revoked) {
      const { id: taskId, sequence: taskSequence, workflowStep } = task;
      advance.end(workflowStep ?? 0, 'REVOKED', { taskId, taskSequence }, task.error);
      this.#news.taskEvents.push(revokedEvent(task));
      this.#news.withdrawn.push(task);
    }
  }
}

/** Each step that is revoked has it: a long message of a handler is cut. */
function whyRevoked({ workflow: { cancelled, cancelReason, error } }: Advance): string {
  if (cancelled) return cancelReason ?? 'The workflow was cancelled';
  return toReason(`The workflow failed: ${error?.message}`);
}

/** The event that the end of a task is which did not run. */
export function revokedEvent({ id: taskId, sequence, at, attempt, error, reason }: RevokedTask): TaskEvent {
  return { taskId, sequence, type: 'REVOKED', at, state: 'REVOKED', attempt, error, message: reason };
}

/** The payload as the contract takes it, or why it does not take it. */
function fittingPayload(contract: TaskContract, payload: unknown, inputFrom: InputFrom): ResolvedInput {
  const problems = problemsOf(contract, payload);
  if (problems.length === 0) return { payload };
  const other = withSingleValues(payload, inputFrom);
  if (problemsOf(contract, other).length === 0) return { payload: other };
  return { problem: problems.map(problemText).join('; ') };
}

function problemText({ path, message }: Pick<InputProblem, 'message' | 'path'>): string {
  return path.length > 0 ? `${path.join('.')}: ${message}` : message;
}

/** A contract that can't even look at a payload must not keep the step from ending that the payload comes from. */
function problemsOf(contract: TaskContract, payload: unknown): Pick<InputProblem, 'message' | 'path'>[] {
  try {
    return payloadProblems(contract, payload);
  } catch (error) {
    return [{ message: `the contract of ${contract.name} could not check it: ${messageOf(error)}`, path: [] }];
  }
}

function placeOf({ workflowId, position }: { workflowId: string; position: number }): string {
  return `${workflowId}/${position}`;
}

function payloadError(message: string): TaskError {
  return { code: 'PAYLOAD_INVALID', message, retryable: false };
}
