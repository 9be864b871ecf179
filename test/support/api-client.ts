import { type Client, createClient, type ClientOptions } from 'graphql-ws';
import { WebSocket } from 'ws';

/** What GraphQL answers. */
export interface Reply<Data = Record<string, any>> {
  data?: Data | null;
  errors?: { message: string; path?: string[]; extensions?: { code?: string } }[];
}

/** An event as the tests ask for it. */
export interface WatchedEvent {
  sequence: number;
  type: string;
  state: string;
  attempt: number;
  at: string;
  progress: { current: number; total: number | null; percent: number | null; message: string | null } | null;
  result: any;
  error: { code: string; message: string; retryable: boolean } | null;
}

const EVENT_FIELDS = `sequence type state attempt at progress { current total percent message } result
  error { code message retryable }`;

const TASK_EVENTS = `subscription ($id: ID!, $after: Int, $types: [TaskEventType!]) {
  taskEvents(id: $id, after: $after, types: $types) { ${EVENT_FIELDS} }
}`;

const TASK_FIELDS = `id name queue state priority input result error { code message retryable } attempt maxAttempts tags
  sequence createdAt runAt startedAt finishedAt`;

export interface WatchOptions {
  after?: number;
  types?: string[];
  client?: Partial<ClientOptions>;
}

/** A client of the API that is not ours: `fetch`, and `graphql-ws`. */
export class ApiClient {
  /** With `/graphql`. */
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  /** POSTs an operation. */
  async send<Data = Record<string, any>>(query: string, variables: Record<string, unknown> = {}): Promise<Reply<Data>> {
    const response = await fetch(this.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    return (await response.json()) as Reply<Data>;
  }

  /** As {@link send}; rejects when there are errors. */
  async request<Data = Record<string, any>>(query: string, variables: Record<string, unknown> = {}): Promise<Data> {
    const { data, errors } = await this.send<Data>(query, variables);
    if (errors || !data) throw new Error(`GraphQL answered: ${JSON.stringify(errors)}`);
    return data;
  }

  /** Enqueues with `enqueueTask`; rejects with its user errors. */
  async enqueue(name: string, payload: unknown = {}, options: Record<string, unknown> = {}): Promise<string> {
    const { enqueueTask } = await this.request(
      `mutation ($input: EnqueueTaskInput!) { enqueueTask(input: $input) { task { id } userErrors { code message path } } }`,
      { input: { name, payload, options } },
    );
    if (!enqueueTask.task) throw new Error(`enqueueTask answered: ${JSON.stringify(enqueueTask.userErrors)}`);
    return enqueueTask.task.id;
  }

  /** Enqueues many tasks of one kind in one call. */
  async enqueueMany(name: string, payloads: readonly unknown[]): Promise<string[]> {
    const { enqueueTasks } = await this.request(
      `mutation ($inputs: [EnqueueTaskInput!]!) { enqueueTasks(inputs: $inputs) { task { id } userErrors { message } } }`,
      { inputs: payloads.map((payload) => ({ name, payload })) },
    );
    return enqueueTasks.map((one: { task: { id: string } }) => one.task.id);
  }

  async task(id: string): Promise<Record<string, any> | null> {
    return (await this.request(`query ($id: ID!) { task(id: $id) { ${TASK_FIELDS} } }`, { id })).task;
  }

  async createUser(email: string): Promise<number> {
    const { createUser } = await this.request(
      `mutation ($input: CreateUserInput!) { createUser(input: $input) { user { id } userErrors { message } } }`,
      { input: { email, name: email } },
    );
    return createUser.user.id;
  }

  /** Follows a task over a websocket of its own until the stream completes; rejects with the stream's error. */
  watch(id: string, { after, types, client }: WatchOptions = {}): Watch {
    return new Watch(this.openSocket(client), { id, after: after ?? null, types: types ?? null });
  }

  /** Waits for a task's end; answers its terminal event. */
  async finished(id: string): Promise<WatchedEvent> {
    const events = await this.watch(id).completed;
    const last = events.at(-1);
    if (!last) throw new Error(`expected a terminal event of task ${id}, got none`);
    return last;
  }

  openSocket(options: Partial<ClientOptions> = {}): Client {
    return createClient({
      url: this.url.replace(/^http/, 'ws'),
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      ...options,
    });
  }
}

/** One subscription to a task's events. */
export class Watch {
  readonly events: WatchedEvent[] = [];
  /** All events, when the stream has completed. */
  readonly completed: Promise<WatchedEvent[]>;
  readonly client: Client;
  readonly #listeners = new Set<() => void>();

  constructor(client: Client, variables: Record<string, unknown>) {
    this.client = client;
    this.completed = this.#collect(variables);
    this.completed.catch(() => undefined); // a test may wait for it later
  }

  /** Resolves when an event that fits has come, with that event. */
  async until(fits: (event: WatchedEvent) => boolean): Promise<WatchedEvent> {
    for (;;) {
      const found = this.events.find(fits);
      if (found) return found;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#listeners.add(resolve);
      const outcome = await Promise.race([promise.then(() => 'event'), this.completed.then(() => 'completed')]);
      this.#listeners.delete(resolve);
      if (outcome === 'completed' && !this.events.some(fits)) throw new Error('the stream completed without the event');
    }
  }

  get sequences(): number[] {
    return this.events.map(({ sequence }) => sequence);
  }

  async #collect(variables: Record<string, unknown>): Promise<WatchedEvent[]> {
    try {
      for await (const { data, errors } of this.client.iterate<{ taskEvents: WatchedEvent }>({
        query: TASK_EVENTS,
        variables,
      })) {
        if (errors) throw new Error(`the stream answered: ${JSON.stringify(errors)}`);
        if (data) this.events.push(data.taskEvents);
        for (const wake of this.#listeners) wake();
      }
      return this.events;
    } finally {
      await this.client.dispose();
    }
  }
}

const UPLOAD = `mutation ($file: File!) {
  uploadFile(file: $file) { file { id name size contentType } userErrors { code message path } }
}`;

/** Uploads as the GraphQL multipart request specification says; answers the payload. */
export async function upload(
  url: string,
  content: string | Uint8Array<ArrayBuffer>,
  name = 'file.txt',
): Promise<Reply['data']> {
  const form = new FormData();
  form.set('operations', JSON.stringify({ query: UPLOAD, variables: { file: null } }));
  form.set('map', JSON.stringify({ 0: ['variables.file'] }));
  form.set('0', new Blob([content], { type: 'text/plain' }), name);
  const response = await fetch(url, { method: 'POST', body: form });
  const { data, errors } = (await response.json()) as Reply;
  if (errors) throw new Error(`GraphQL answered: ${JSON.stringify(errors)}`);
  return data?.['uploadFile'];
}
