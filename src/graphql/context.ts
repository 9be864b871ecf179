import { Batcher } from '../core/batcher.ts';
import type { TaskEvent } from '../core/task-event.ts';
import type { TaskRow } from '../db/entities/task.ts';
import { type EventPlace, readEvents } from '../db/statements/read-history.ts';
import { readStepKeys, readWorkflowSteps, type WorkflowStepView } from '../db/statements/read-workflow-steps.ts';
import type { WorkflowView } from '../db/statements/read-workflows.ts';
import { getTasks } from '../operations/get-task.ts';
import { getWorkflows } from '../operations/get-workflow.ts';
import type { ServiceResources } from '../operations/resources.ts';

const LOADS_IN_FLIGHT = 4;

/** Finds one thing as it is now. What is asked for at the same time is one query. */
type Load<Key, Value> = (key: Key) => Promise<Value>;

/** Of a step. */
interface StepPlace {
  workflowId: string;
  position: number;
}

/** What resolvers get, the same over HTTP, SSE and websockets: a new one for each operation. */
export interface GraphQLContext {
  resources: ServiceResources;
  /** Whose operation it is; empty without authentication. */
  owner: string;
  /** Null when it is gone, as all of these. */
  loadTask: Load<string, TaskRow | null>;
  loadTaskEvent: Load<EventPlace, TaskEvent | null>;
  loadWorkflow: Load<string, WorkflowView | null>;
  /** The steps of a workflow, by its id. */
  loadSteps: Load<string, WorkflowStepView[]>;
  loadStepKey: Load<StepPlace, string | null>;
}

/** Makes the contexts of a process. */
export function openContexts(resources: ServiceResources): () => GraphQLContext {
  const { sql } = resources;
  const loads = {
    loadTask: loader<string, TaskRow>(String, async (ids) => keyed(await getTasks(resources, ids), ({ id }) => id)),
    loadTaskEvent: loader<EventPlace, TaskEvent>(eventKey, async (places) =>
      keyed(await readEvents(sql, places), eventKey),
    ),
    loadWorkflow: loader<string, WorkflowView>(String, async (ids) =>
      keyed(await getWorkflows(resources, ids), ({ id }) => id),
    ),
    loadStepKey: loader<StepPlace, string>(stepKey, async (places) => {
      const found = await readStepKeys(sql, places);
      return new Map(found.map((step) => [stepKey(step), step.key]));
    }),
  };
  const loadSteps = loader<string, WorkflowStepView[]>(String, (ids) => readWorkflowSteps(sql, ids));
  return () => ({ resources, owner: '', ...loads, loadSteps: async (id) => (await loadSteps(id)) ?? [] });
}

/** `read` gets each key once, and answers what it found by the texts that `textOf` makes of keys. */
function loader<Key, Value>(
  textOf: (key: Key) => string,
  read: (keys: readonly Key[]) => Promise<ReadonlyMap<string, Value>>,
): Load<Key, Value | null> {
  const load = async (keys: readonly Key[]) => {
    const found = await read([...new Map(keys.map((key) => [textOf(key), key])).values()]);
    return keys.map((key) => found.get(textOf(key)) ?? null);
  };
  const batcher = new Batcher<Key, Value | null>(load, { maxInFlight: LOADS_IN_FLIGHT });
  return (key) => batcher.add(key);
}

function keyed<Value>(values: readonly Value[], keyOf: (value: Value) => string): Map<string, Value> {
  return new Map(values.map((value) => [keyOf(value), value]));
}

function eventKey({ taskId, sequence }: EventPlace): string {
  return `${taskId}/${sequence}`;
}

function stepKey({ workflowId, position }: StepPlace): string {
  return `${workflowId}/${position}`;
}
