import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { answerRequests, sayReady } from './answer-requests.ts';

/** Websockets with one subscription each. */
export interface Opening {
  url: string;
  query: string;
  /** A websocket for each. */
  ids: readonly string[];
}

const AT_ONCE = 50;
let clients: Client[] = [];

/** A process with many websockets. */
answerRequests({
  /** Answers when each subscription has got its first event. */
  async open({ url, query, ids }: Opening) {
    const socketUrl = url.replace(/^http/, 'ws');
    const waiting = [...ids];
    const openNext = async () => {
      for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) await open(socketUrl, query, id);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, openNext));
  },
  async close() {
    for (const client of clients) await client.dispose();
    clients = [];
  },
});
sayReady();

function open(url: string, query: string, id: string): Promise<void> {
  const client = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0 });
  clients.push(client);
  return new Promise((resolve, reject) => {
    client.subscribe(
      { query, variables: { id } },
      {
        next: ({ errors }) => (errors ? reject(new Error(JSON.stringify(errors))) : resolve()),
        error: (error) => reject(new Error(`the websocket of ${id} failed: ${JSON.stringify(error)}`)),
        complete: () => reject(new Error(`the subscription of ${id} has ended`)),
      },
    );
  });
}
