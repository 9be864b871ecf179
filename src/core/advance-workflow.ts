import type { InputFrom } from './workflow-graph.ts';
import type { TaskError } from './task-event.ts';
import type { WorkflowEvent } from './workflow-event.ts';
import {
  decideJoin,
  type EndedStepState,
  isEndedStep,
  type Join,
  type OnFailure,
  settledAs,
  type StepState,
  type WorkflowState,
} from './workflow-state.ts';

/** How the task of a step is to be run: the caller's options and, where they say nothing, those of the contract. */
export interface StepOptions {
  queue: string;
  priority: number;
  maxAttempts: number;
  /** Whether the caller said so. */
  attemptsAsked: boolean;
  tags: readonly string[];
  /** From the moment on that the step becomes READY. */
  delaySeconds: number | null;
  /** ISO 8601, as `expiresAt`. */
  runAt: string | null;
  expiresAt: string | null;
}

/** A workflow as far as advancing it goes. */
export interface WorkflowRecord {
  id: string;
  owner: string;
  state: WorkflowState;
  /** Of its newest event. */
  sequence: number;
  /** Steps that have not ended. */
  openSteps: number;
  /** Of all its steps. */
  weight: number;
  doneWeight: number;
  /** As it was told last; it does not go back until the workflow is run again. */
  percent: number;
  /** That of the first step whose failure is not allowed for. */
  error: TaskError | null;
  cancelled: boolean;
  cancelReason: string | null;
}

/** A step as far as advancing its workflow goes. */
export interface StepRecord extends Join {
  workflowId: string;
  position: number;
  key: string;
  state: StepState;
  /** The name of its task. */
  task: string;
  onFailure: OnFailure;
  weight: number;
  dependants: readonly number[];
  taskId: string | null;
  error: TaskError | null;
}

/** What the task of a step is made of. */
export interface StepDetails {
  payload: unknown;
  inputFrom: InputFrom;
  options: StepOptions;
}

/** The event of its task that brought a step to another state. */
export interface Cause {
  taskId: string;
  taskSequence: number;
}

const PERCENT = 100;

/**
 * Works out what follows from the ends of steps of one workflow, whose row is locked, without a look at any database: the
 * steps that it needs are given to it with {@link load}.
 */
export class Advance {
  readonly workflow: WorkflowRecord;
  /** In their order. */
  readonly events: WorkflowEvent[] = [];
  readonly #steps = new Map<number, StepRecord>();
  readonly #changed = new Set<StepRecord>();
  /** Steps whose end their dependants have not counted. */
  #uncounted: StepRecord[] = [];
  /** The time of what happens, ISO 8601. */
  readonly at: string;

  constructor(workflow: WorkflowRecord, at: string) {
    this.workflow = { ...workflow };
    this.at = at;
  }

  /** Whether nothing more is to become READY. */
  get closing(): boolean {
    return this.workflow.cancelled || this.workflow.error !== null;
  }

  /** What must be written. */
  get changedSteps(): readonly StepRecord[] {
    return [...this.#changed];
  }

  /** Positions of the dependants that {@link settleDependants} needs and nobody has loaded. */
  get wanted(): number[] {
    if (this.closing) return [];
    const dependants = this.#uncounted.flatMap((step) => step.dependants);
    return [...new Set(dependants)].filter((position) => !this.#steps.has(position));
  }

  /** Makes steps known; one that is known already stays as it is. */
  load(steps: readonly StepRecord[]): void {
    for (const step of steps) if (!this.#steps.has(step.position)) this.#steps.set(step.position, { ...step });
  }

  /** The step at a position, which must be loaded. */
  step(position: number): StepRecord {
    const step = this.#steps.get(position);
    if (!step) throw new Error(`expected step ${position} of workflow ${this.workflow.id} to be loaded, but it is not`);
    return step;
  }

  /** An attempt of a step's task has started. Does nothing when that is known already. */
  begin(position: number, cause: Cause): void {
    const step = this.step(position);
    if (step.state === 'READY') this.#become(step, 'RUNNING', cause, null);
  }

  /** A step has ended. Does nothing when it had already. */
  end(position: number, state: EndedStepState, cause: Cause | null, error: TaskError | null = null): void {
    const step = this.step(position);
    if (isEndedStep(step.state)) return;
    const failed = state === 'FAILURE' || state === 'REVOKED';
    const fatal = failed && step.onFailure === 'FAIL';
    this.workflow.openSteps -= 1;
    if (fatal && !this.closing) this.workflow.error = workflowError(step, error);
    if (!failed || (!fatal && !this.closing)) this.workflow.doneWeight += step.weight;
    this.#become(step, state, cause, error);
    this.#uncounted.push(step);
  }

  /** The task of a step is enqueued. */
  ready(position: number, cause: Cause): void {
    this.#become(this.step(position), 'READY', cause, null);
  }

  /**
   * Lets the dependants count the ends so far: skips those that can't start any more, with all that follows from it, and
   * answers those that may start. Needs the steps that are {@link wanted}; call it until nothing is.
   */
  settleDependants(): StepRecord[] {
    const starting = new Set<StepRecord>();
    while (!this.closing) {
      const [ended] = this.#uncounted;
      if (!ended || ended.dependants.some((position) => !this.#steps.has(position))) return [...starting];
      this.#uncounted.shift();
      for (const position of ended.dependants) this.#count(ended, this.step(position), starting);
    }
    return [];
  }

  /**
   * Takes an ended workflow, all of whose steps are given, back to where it was before anything failed: what succeeded
   * stays. Answers the steps that may start.
   */
  reopen(steps: readonly StepRecord[]): StepRecord[] {
    this.load(steps);
    const again = [...this.#steps.values()].filter(({ state }) => state !== 'SUCCESS');
    for (const step of again) {
      Object.assign(step, { state: 'BLOCKED', error: null, succeeded: 0, forgiven: 0, missing: 0 });
      this.#changed.add(step);
    }
    const done = [...this.#steps.values()].filter(({ state }) => state === 'SUCCESS');
    for (const position of done.flatMap(({ dependants }) => dependants)) this.step(position).succeeded += 1;
    const doneWeight = done.reduce((sum, { weight }) => sum + weight, 0);
    const fresh = { state: 'RUNNING', error: null, cancelled: false, cancelReason: null } as const;
    Object.assign(this.workflow, { ...fresh, openSteps: again.length, doneWeight, percent: 0 });
    this.#tell('ENQUEUED');
    return again.filter((step) => decideJoin(step) === 'start');
  }

  /** Writes the end of the workflow when all its steps have ended. Does nothing when it had ended already. */
  finish(): void {
    const { openSteps, cancelled, error } = this.workflow;
    if (openSteps > 0 || this.workflow.state !== 'RUNNING') return;
    const state = cancelled ? 'REVOKED' : error ? 'FAILURE' : 'SUCCESS';
    this.workflow.state = state;
    if (state === 'SUCCESS') this.workflow.doneWeight = this.workflow.weight; // not what adding up has made of it
    this.#tell(state);
  }

  #count(ended: StepRecord, dependant: StepRecord, starting: Set<StepRecord>): void {
    if (dependant.state !== 'BLOCKED') return;
    dependant[settledAs(ended.state as EndedStepState, ended.onFailure)] += 1;
    this.#changed.add(dependant);
    const decision = decideJoin(dependant);
    if (decision === 'start') starting.add(dependant);
    if (decision === 'skip') this.end(dependant.position, 'SKIPPED', null);
  }

  #become(step: StepRecord, state: StepState, cause: Cause | null, error: TaskError | null): void {
    step.state = state;
    step.error = error;
    if (cause) step.taskId = cause.taskId;
    this.#changed.add(step);
    this.#tell('STEP', step, cause);
  }

  #tell(type: WorkflowEvent['type'], step?: StepRecord, cause?: Cause | null): void {
    const { workflow } = this;
    workflow.sequence += 1;
    workflow.percent = Math.max(workflow.percent, percentOf(workflow));
    this.events.push({
      workflowId: workflow.id,
      sequence: workflow.sequence,
      type,
      at: this.at,
      state: workflow.state,
      percent: workflow.percent,
      stepKey: step?.key ?? null,
      stepState: step?.state ?? null,
      taskId: cause?.taskId ?? null,
      taskSequence: cause?.taskSequence ?? null,
    });
  }
}

function workflowError({ key }: StepRecord, error: TaskError | null): TaskError {
  const { code = 'STEP_FAILED', message = 'it was revoked', retryable = true } = error ?? {};
  return { code, message: `step ${JSON.stringify(key)}: ${message}`, retryable };
}

/** 0–100. */
function percentOf({ doneWeight, weight }: Pick<WorkflowRecord, 'doneWeight' | 'weight'>): number {
  return weight === 0 ? PERCENT : Math.min(PERCENT, (PERCENT * doneWeight) / weight);
}
