import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Queue } from 'bullmq';
import { createSchema, createYoga } from 'graphql-yoga';
import { Redis } from 'ioredis';
import { v7 } from 'uuid';
import { answerRequests, sayReady } from './answer-requests.ts';

/** A process with nothing but yoga and one mutation that adds a job to BullMQ and waits for Redis. */
const { REDIS_URL = '', KEY_PREFIX = '' } = process.env;
const queue = new Queue('raw', { connection: new Redis(REDIS_URL), prefix: KEY_PREFIX });

const schema = createSchema({
  typeDefs: /* GraphQL */ `
    scalar JSON
    type Query {
      jobs: Int!
    }
    type Mutation {
      enqueueNoop(input: JSON): EnqueueNoopPayload!
    }
    type EnqueueNoopPayload {
      task: Task
      userErrors: [UserError!]!
    }
    type Task {
      id: ID!
      state: String!
    }
    type UserError {
      message: String!
    }
  `,
  resolvers: {
    Query: { jobs: () => queue.getWaitingCount() },
    Mutation: {
      async enqueueNoop(_root: unknown, { input }: { input?: unknown }) {
        const id = v7();
        await queue.add('noop', input ?? {}, { jobId: id, removeOnComplete: true, removeOnFail: true });
        return { task: { id, state: 'PENDING' }, userErrors: [] };
      },
    },
  },
});
const yoga = createYoga({ schema, logging: false, landingPage: false });
const server = createServer((request, response) => void yoga(request, response));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
answerRequests({ jobs: () => queue.getWaitingCount() });
sayReady(`http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`);
