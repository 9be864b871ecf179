import { newId } from '../../src/core/ids.ts';
import type { TaskError } from '../../src/core/task-event.ts';
import type { WorkflowEvent } from '../../src/core/workflow-event.ts';
import { claimTasks } from '../../src/db/statements/claim-tasks.ts';
import { readWorkflowHistory } from '../../src/db/statements/read-workflow-history.ts';
import { readWorkflowSteps, type WorkflowStepView } from '../../src/db/statements/read-workflow-steps.ts';
import { settleAttempts } from '../../src/db/statements/settle-attempts.ts';
import { startSteps } from '../../src/db/statements/start-steps.ts';
import { endSteps } from '../../src/operations/advance-workflows.ts';
import { announceWorkflows } from '../../src/operations/announce-workflows.ts';
import type { WorkflowStepSpec } from '../../src/operations/check-workflow.ts';
import { enqueueWorkflow } from '../../src/operations/enqueue-workflow.ts';
import type { ServiceResources } from '../../src/operations/resources.ts';
import { settlement } from '../db/database.ts';
import { test as base } from './service.ts';

/** A step, of which only the key must be said: others are `noop`s. */
export type Step = Partial<WorkflowStepSpec> & Pick<WorkflowStepSpec, 'key'>;

/** The error of steps that a test lets fail. */
export const TOO_BAD: TaskError = { code: 'TOO_BAD', message: 'it went wrong', retryable: true };

/** How a step is run. */
export interface Ending {
  /** Default {}. */
  result?: unknown;
  /** Whether it is said; default true. Else who follows must find it out. */
  publish?: boolean;
}

/** An attempt of a step that runs. */
export interface StartedStep {
  taskId: string;
  attempt: number;
}

/** Workflows whose tasks the test runs by itself, as a worker would. */
export class Workflows {
  readonly #resources: ServiceResources;

  constructor(resources: ServiceResources) {
    this.#resources = resources;
  }

  /** Answers the id. */
  async enqueue(steps: readonly Step[], name = 'test'): Promise<string> {
    const specs = steps.map((step) => ({ task: 'noop', ...step }));
    return (await enqueueWorkflow(this.#resources, { name, steps: specs })).id;
  }

  /** Begins an attempt of a step. */
  async start(id: string, key: string, { publish = true }: Ending = {}): Promise<StartedStep> {
    const { taskId, taskName } = await this.step(id, key);
    const [claimed] = await claimTasks(this.#resources.sql, [taskId ?? newId()], 'worker-1', [taskName]);
    if (!claimed) throw new Error(`expected step ${key} to have a task that can start, but it has none`);
    const { id: claimedId, attempt, sequence: taskSequence, workflowStep } = claimed;
    const started = { workflowId: id, position: workflowStep ?? 0, taskId: claimedId, taskSequence };
    const events = await startSteps(this.#resources.sql, [started]);
    if (publish) this.#resources.bus.publishWorkflow(events);
    return { taskId: claimedId, attempt };
  }

  /** Ends an attempt of a step, and lets the workflow go on. */
  async end(
    id: string,
    { taskId, attempt }: StartedStep,
    state: 'SUCCESS' | 'FAILURE',
    { result = {}, publish = true }: Ending = {},
  ): Promise<void> {
    const error = state === 'FAILURE' ? TOO_BAD : null;
    const end = settlement({ taskId, attempt, state, error, result: error ? null : result, workflowId: id });
    const { catalog, sql } = this.#resources;
    const { news } = await sql.transaction((transaction) =>
      endSteps(catalog, transaction, [id], () => settleAttempts(transaction, [end])),
    );
    if (publish) announceWorkflows(this.#resources, news);
  }

  /** Runs a step to its end. */
  async run(id: string, key: string, state: 'SUCCESS' | 'FAILURE' = 'SUCCESS', ending: Ending = {}): Promise<void> {
    await this.end(id, await this.start(id, key, ending), state, ending);
  }

  async step(id: string, key: string): Promise<WorkflowStepView> {
    const step = (await this.steps(id)).find((one) => one.key === key);
    if (!step) throw new Error(`expected a step ${key} in workflow ${id}, got none`);
    return step;
  }

  async steps(id: string): Promise<WorkflowStepView[]> {
    return (await readWorkflowSteps(this.#resources.sql, [id])).get(id) ?? [];
  }

  /** The states of its steps by their keys. */
  async states(id: string): Promise<Record<string, string>> {
    return Object.fromEntries((await this.steps(id)).map(({ key, state }) => [key, state]));
  }

  /** All its events. */
  async history(id: string): Promise<WorkflowEvent[]> {
    return (await readWorkflowHistory(this.#resources.sql, id, 0, 100_000))?.events ?? [];
  }
}

/** The tests' `test` with workflows. */
export const test = base.extend('workflows', ({ service }) => new Workflows(service.resources));
