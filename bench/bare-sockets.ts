import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSchema } from 'graphql-yoga';
import { useServer } from 'graphql-ws/use/ws';
import { Redis } from 'ioredis';
import { WebSocketServer } from 'ws';
import { sayReady } from './answer-requests.ts';

/** A process with nothing but graphql-ws: one subscription that says nothing more, and one that hands on a Redis channel. */
const redis = new Redis(process.env['REDIS_URL'] ?? '');
const listeners = new Map<string, (message: string) => void>();
redis.on('message', (channel: string, message: string) => listeners.get(channel)?.(message));

const SNAPSHOT = { sequence: 1, type: 'SNAPSHOT', state: 'PENDING', progress: null };

async function* silence() {
  yield { silence: SNAPSHOT };
  await new Promise(() => undefined);
}

/** The messages of a channel, until an empty one. */
async function* messagesOf(channel: string) {
  const waiting: string[] = [];
  let arrived = Promise.withResolvers<void>();
  listeners.set(channel, (message) => {
    waiting.push(message);
    arrived.resolve();
  });
  await redis.subscribe(channel);
  yield { taskEvents: SNAPSHOT };
  for (;;) {
    await arrived.promise;
    arrived = Promise.withResolvers();
    for (const message of waiting.splice(0)) {
      if (message === '') return;
      yield { taskEvents: { ...SNAPSHOT, type: 'PROGRESS', progress: JSON.parse(message) as unknown } };
    }
  }
}

const schema = createSchema({
  typeDefs: /* GraphQL */ `
    type Query {
      nothing: Boolean
    }
    type Subscription {
      silence(id: ID!): Event!
      taskEvents(id: ID!): Event!
    }
    type Event {
      sequence: Int!
      type: String!
      state: String!
      progress: Progress
    }
    type Progress {
      current: Int!
      total: Int!
    }
  `,
  resolvers: {
    Subscription: {
      silence: { subscribe: silence },
      taskEvents: { subscribe: (_root: unknown, { id }: { id: string }) => messagesOf(id) },
    },
  },
});
const server = createServer();
useServer({ schema }, new WebSocketServer({ server, path: '/graphql' }));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
sayReady(`http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`);
