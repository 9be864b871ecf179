import type { ApiClient } from './api-client.ts';

/** A workflow as the tests ask for it. */
export interface ShownWorkflow {
  id: string;
  name: string;
  state: string;
  percent: number;
  error: { code: string; message: string } | null;
  finishedAt: string | null;
  steps: ShownStep[];
}

/** A step of it. */
export interface ShownStep {
  key: string;
  state: string;
  dependsOn: string[];
  result: any;
  error: { code: string; message: string } | null;
  task: { id: string; attempt: number } | null;
}

/** An event of it. */
export interface ShownWorkflowEvent {
  sequence: number;
  type: string;
  state: string;
  percent: number;
  stepKey: string | null;
  stepState: string | null;
  event: { type: string; result: any } | null;
}

/** What a mutation answers. */
export interface WorkflowReply {
  workflow: ShownWorkflow | null;
  duplicate: boolean;
  userErrors: { code: string; message: string; path: string[] }[];
}

/** A step as a client describes it. */
export type StepInput = { key: string; task?: string } & Record<string, unknown>;

const WORKFLOW = `id name state percent error { code message } finishedAt
  steps { key state dependsOn result error { code message } task { id attempt } }`;
const PAYLOAD = `workflow { ${WORKFLOW} } duplicate userErrors { code message path }`;
const EVENT = 'sequence type state percent stepKey stepState event { type result }';

/** What the API says of workflows. */
export class WorkflowClient {
  readonly #client: ApiClient;

  constructor(client: ApiClient) {
    this.#client = client;
  }

  /** Enqueues steps, which are `noop`s unless they say otherwise; rejects with the user errors. */
  async enqueue(steps: readonly StepInput[]): Promise<string> {
    const input = { name: 'test', steps: steps.map((step) => ({ task: 'noop', ...step })) };
    return idOf(await this.#mutate('enqueueWorkflow', 'EnqueueWorkflowInput', input));
  }

  async chain(steps: readonly object[]): Promise<string> {
    return idOf(await this.#mutate('enqueueChain', 'EnqueueChainInput', { name: 'chain', steps }));
  }

  async group(tasks: readonly object[]): Promise<string> {
    return idOf(await this.#mutate('enqueueGroup', 'EnqueueGroupInput', { name: 'group', tasks }));
  }

  async chord(chord: object): Promise<string> {
    return idOf(await this.#mutate('enqueueChord', 'EnqueueChordInput', { name: 'chord', ...chord }));
  }

  async change(mutation: 'cancelWorkflow' | 'retryWorkflow', id: string, more = ''): Promise<WorkflowReply> {
    const query = `mutation ($id: ID!) { ${mutation}(id: $id ${more}) { ${PAYLOAD} } }`;
    return (await this.#client.request(query, { id }))[mutation];
  }

  async get(id: string): Promise<ShownWorkflow> {
    return (await this.#client.request(`query ($id: ID!) { workflow(id: $id) { ${WORKFLOW} } }`, { id }))['workflow'];
  }

  /** The events of a workflow over a websocket of its own, until the stream completes or is left. */
  async *events(id: string, after: number | null = 0): AsyncGenerator<ShownWorkflowEvent> {
    const query = `subscription ($id: ID!, $after: Int) { workflowEvents(id: $id, after: $after) { ${EVENT} } }`;
    const socket = this.#client.openSocket();
    try {
      const results = socket.iterate<{ workflowEvents: ShownWorkflowEvent }>({ query, variables: { id, after } });
      for await (const { data, errors } of results) {
        if (errors) throw new Error(`the stream answered: ${JSON.stringify(errors)}`);
        if (data) yield data.workflowEvents;
      }
    } finally {
      await socket.dispose();
    }
  }

  /** As {@link events}, all of them when the stream has completed. */
  async allEvents(id: string, after: number | null = 0): Promise<ShownWorkflowEvent[]> {
    const all: ShownWorkflowEvent[] = [];
    for await (const event of this.events(id, after)) all.push(event);
    return all;
  }

  /** Waits for its end; answers it with the states of its steps by their keys. */
  async finished(id: string): Promise<ShownWorkflow & { states: Record<string, string> }> {
    await this.allEvents(id, null);
    const workflow = await this.get(id);
    return { ...workflow, states: Object.fromEntries(workflow.steps.map(({ key, state }) => [key, state])) };
  }

  async #mutate(mutation: string, type: string, input: object): Promise<WorkflowReply> {
    const query = `mutation ($input: ${type}!) { ${mutation}(input: $input) { ${PAYLOAD} } }`;
    return (await this.#client.request(query, { input }))[mutation];
  }
}

function idOf({ workflow, userErrors }: WorkflowReply): string {
  if (!workflow) throw new Error(`expected a workflow, got user errors: ${JSON.stringify(userErrors)}`);
  return workflow.id;
}
