import { createHash } from 'node:crypto';
import type { StepOptions } from '../core/advance-workflow.ts';
import { canonicalJson } from '../core/canonical-json.ts';
import type { TaskContract } from '../core/define-task.ts';
import { UserInputError, userError } from '../core/errors.ts';
import { newId, timeOfId } from '../core/ids.ts';
import type { GraphNode } from '../core/workflow-graph.ts';
import type { EntityManager } from '../db/orm.ts';
import { type Sql, transactionSql } from '../db/sql.ts';
import { insertTasks, type NewTask } from '../db/statements/insert-tasks.ts';
import {
  findWorkflowWithKey,
  insertWorkflow,
  type NewStep,
  type NewWorkflow,
} from '../db/statements/insert-workflow.ts';
import { checkWorkflow, type WorkflowStepSpec } from './check-workflow.ts';
import { dispatchNew } from './enqueue-task.ts';
import type { EnqueueResources } from './resources.ts';
import { stepTask } from './step-task.ts';

export interface EnqueueWorkflowInput {
  /** 1–200 characters. */
  name: string;
  /** 1–5,000. */
  steps: readonly WorkflowStepSpec[];
  /** The same owner and key give the same workflow. At most 200 characters. */
  idempotencyKey?: string | null | undefined;
  owner?: string;
  /** The caller's unit of work: when it is in a transaction, the workflow exists if that commits. */
  em?: EntityManager | undefined;
}

/** The workflow that was enqueued, or the one that had the idempotency key already. */
export interface EnqueuedWorkflow {
  id: string;
  duplicate: boolean;
}

/**
 * Enqueues a workflow: its steps and the tasks of those that depend on nothing are there together, in one transaction, or
 * not at all.
 *
 * Throws a `UserInputError` with WORKFLOW_INVALID, UNKNOWN_TASK, PAYLOAD_INVALID, OPTIONS_INVALID or IDEMPOTENCY_KEY_REUSED;
 * nothing is stored then.
 */
export async function enqueueWorkflow(
  resources: EnqueueResources,
  input: EnqueueWorkflowInput,
): Promise<EnqueuedWorkflow> {
  const prepared = prepareWorkflow(resources, input);
  const { workflow, tasks } = prepared;
  const inTransaction = input.em?.isInTransaction() ? transactionSql(input.em) : undefined;
  const isNew = inTransaction
    ? await insert(inTransaction, prepared)
    : await resources.sql.transaction((sql) => insert(sql, prepared));
  if (!isNew) return findDuplicate(inTransaction ?? resources.sql, workflow);
  if (inTransaction) resources.dispatcher.noteUncommitted(tasks.map(({ id }) => id));
  else dispatchNew(resources, tasks);
  return { id: workflow.id, duplicate: false };
}

/** The rows of a workflow. */
export interface PreparedWorkflow {
  workflow: NewWorkflow;
  steps: NewStep[];
  /** Of the steps that depend on nothing. */
  tasks: NewTask[];
}

/** Checks a workflow and makes its rows. Throws as {@link enqueueWorkflow} does. */
export function prepareWorkflow(
  { catalog }: Pick<EnqueueResources, 'catalog'>,
  { name, steps: specs, idempotencyKey = null, owner = '' }: EnqueueWorkflowInput,
): PreparedWorkflow {
  const checked = checkWorkflow(catalog, { name, steps: specs, idempotencyKey });
  if ('problems' in checked) throw new UserInputError(checked.problems);
  const { graph, contracts } = checked;
  const id = newId();
  const tasks: NewTask[] = [];
  const steps = graph.map((node, position) => {
    const step = newStep(id, node, specs[position], contracts[position]);
    if (node.dependencies.length > 0) return step;
    const task = stepTask(step, { ...step, payload: withoutResults(step) }, owner);
    tasks.push(task);
    return { ...step, state: 'READY' as const, taskId: task.id };
  });
  const weight = steps.reduce((sum, step) => sum + step.weight, 0);
  const createdAt = new Date(timeOfId(id));
  const fingerprint = fingerprintOf(name, steps);
  return {
    workflow: { id, name, owner, idempotencyKey, fingerprint, openSteps: steps.length, weight, createdAt },
    steps,
    tasks,
  };
}

/**
 * The same for two descriptions that mean the same: in whichever order objects have their fields, and whether a default is
 * written or left out. As for a task, the options do not count: whoever sends a workflow again may reckon times anew.
 */
function fingerprintOf(name: string, steps: readonly NewStep[]): string {
  const described = steps.map(({ key, task, payload, inputFrom, dependsOn, onFailure, join, joinCount, weight }) => {
    return { key, task, payload, inputFrom, dependsOn, onFailure, join, joinCount, weight };
  });
  return createHash('sha256')
    .update(canonicalJson([name, described]))
    .digest('hex');
}

/** The payload of a step that depends on nothing: what it takes from results can only be lists of none. */
function withoutResults({ payload, inputFrom }: NewStep): unknown {
  const lists = Object.keys(inputFrom).map((field) => [field, []]);
  return { ...(payload as object), ...Object.fromEntries(lists) };
}

function newStep(
  workflowId: string,
  { position, dependencies, dependants }: GraphNode,
  spec: WorkflowStepSpec | undefined,
  contract: TaskContract | undefined,
): NewStep {
  if (!spec || !contract) throw new Error(`expected step ${position} to be checked, but it is not`);
  return {
    workflowId,
    position,
    key: spec.key,
    state: 'BLOCKED',
    task: spec.task,
    payload: spec.payload ?? {},
    inputFrom: spec.inputFrom ?? {},
    options: stepOptions(spec, contract),
    onFailure: spec.onFailure ?? 'FAIL',
    join: spec.join ?? 'ALL',
    joinCount: spec.joinCount ?? 1,
    weight: spec.weight ?? 1,
    dependencies: dependencies.length,
    dependsOn: dependencies,
    dependants,
    succeeded: 0,
    forgiven: 0,
    missing: 0,
    taskId: null,
    error: null,
  };
}

function stepOptions({ options }: WorkflowStepSpec, contract: TaskContract): StepOptions {
  return {
    queue: options?.queue ?? contract.queue,
    priority: options?.priority ?? contract.priority,
    maxAttempts: options?.maxAttempts ?? contract.attempts,
    attemptsAsked: options?.maxAttempts != null,
    tags: options?.tags ?? [],
    delaySeconds: options?.delaySeconds ?? null,
    runAt: options?.runAt?.toISOString() ?? null,
    expiresAt: options?.expiresAt?.toISOString() ?? null,
  };
}

/** Answers false when the idempotency key is taken. */
async function insert(sql: Sql, { workflow, steps, tasks }: PreparedWorkflow): Promise<boolean> {
  if (!(await insertWorkflow(sql, workflow, steps))) return false;
  await insertTasks(sql, tasks);
  return true;
}

async function findDuplicate(sql: Sql, { owner, idempotencyKey, fingerprint }: NewWorkflow): Promise<EnqueuedWorkflow> {
  const holder = await findWorkflowWithKey(sql, owner, idempotencyKey ?? '');
  if (!holder) throw new Error(`expected a workflow with the idempotency key ${idempotencyKey}, got none`);
  if (holder.fingerprint === fingerprint) return { id: holder.id, duplicate: true };
  throw userError(
    'IDEMPOTENCY_KEY_REUSED',
    `the idempotency key ${JSON.stringify(idempotencyKey)} belongs to workflow ${holder.id}, which has another name or other steps`,
    ['idempotencyKey'],
  );
}
