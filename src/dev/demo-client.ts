import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { TaskProgress } from '../core/progress.ts';
import type { TaskError } from '../core/task-event.ts';
import type { TaskState } from '../core/task-state.ts';

interface UserError {
  message: string;
}

/** An event as the demo asks for it. */
export interface DemoEvent {
  state: TaskState;
  progress: TaskProgress | null;
  result: Record<string, unknown> | null;
  error: TaskError | null;
}

const EVENTS = `
  subscription ($id: ID!) {
    taskEvents(id: $id) {
      state
      progress { current total percent ratePerSecond etaSeconds }
      result
      error { code message }
    }
  }`;

/** What the demo does with the API, as any client could. */
export class DemoClient {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** Uploads a file as the GraphQL multipart request specification says; answers its id. */
  async upload(path: string): Promise<string> {
    const form = new FormData();
    const query = 'mutation ($file: File!) { uploadFile(file: $file) { file { id } userErrors { message } } }';
    form.set('operations', JSON.stringify({ query, variables: { file: null } }));
    form.set('map', JSON.stringify({ 0: ['variables.file'] }));
    form.set('0', await openAsBlob(path), basename(path));
    const { uploadFile } = await this.#post<{ uploadFile: { file: { id: string } | null; userErrors: UserError[] } }>(
      form,
    );
    return requireDone(uploadFile.file, uploadFile.userErrors).id;
  }

  /** Enqueues process-large-file; answers the id of the task. */
  async processLargeFile(fileId: string): Promise<string> {
    const query = `mutation ($fileId: ID!) {
      enqueueProcessLargeFile(input: { fileId: $fileId }) { task { id } userErrors { message } }
    }`;
    const { enqueueProcessLargeFile } = await this.#post<{
      enqueueProcessLargeFile: { task: { id: string } | null; userErrors: UserError[] };
    }>(JSON.stringify({ query, variables: { fileId } }));
    return requireDone(enqueueProcessLargeFile.task, enqueueProcessLargeFile.userErrors).id;
  }

  /** The task's events over the websocket, until it has ended. */
  async *events(id: string): AsyncGenerator<DemoEvent> {
    const client = createClient({ url: this.#url.replace(/^http/, 'ws'), webSocketImpl: WebSocket });
    try {
      for await (const { data, errors } of client.iterate<{ taskEvents: DemoEvent }>({
        query: EVENTS,
        variables: { id },
      })) {
        if (errors) throw new Error(errors.map(({ message }) => message).join('; '));
        if (data) yield data.taskEvents;
      }
    } finally {
      await client.dispose();
    }
  }

  async #post<Data>(body: FormData | string): Promise<Data> {
    const headers: Record<string, string> = { accept: 'application/json' };
    if (typeof body === 'string') headers['content-type'] = 'application/json';
    const response = await fetch(this.#url, { method: 'POST', headers, body });
    const { data, errors } = (await response.json()) as { data?: Data; errors?: UserError[] };
    if (errors || !data) throw new Error(errors?.map(({ message }) => message).join('; ') ?? `HTTP ${response.status}`);
    return data;
  }
}

function requireDone<T>(value: T | null, userErrors: readonly UserError[]): T {
  if (value === null) throw new Error(userErrors.map(({ message }) => message).join('; '));
  return value;
}
