import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ExecutionArgs, FormattedExecutionResult, GraphQLError } from 'graphql';
import type { Context, SubscribePayload } from 'graphql-ws';
import { type Extra, useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { REQUEST_MAX_BYTES } from './request-body.ts';
import { GRAPHQL_PATH, type GraphQLHandler } from './yoga.ts';

/** Clients take this for a reason to connect again (graphql-ws treats it as retryable). */
const SERVICE_RESTART = 1012;
/** Between pings; a client that has not answered the last one is cut off. */
const PING_INTERVAL_MS = 12_000;

/** The websockets of a server. */
export interface WebSockets {
  /** Asks all clients to connect again elsewhere; those that are still there after `graceMs` are cut off. */
  close(graceMs: number): Promise<void>;
}

/** Serves the graphql-transport-ws protocol on the path of GraphQL; other upgrades are refused with 404. */
export function serveWebSockets(server: Server, graphql: GraphQLHandler): WebSockets {
  const describe = (error: GraphQLError) => toJson(graphql.toPublicError(error));
  const sockets = new WebSocketServer({ noServer: true, maxPayload: REQUEST_MAX_BYTES });
  useServer<ConnectionParams, SocketExtra>(
    {
      onSubscribe: (context, _id, payload) => prepare(graphql, context, payload),
      execute: (args) => engineOf(args).execute(args),
      subscribe: (args) => engineOf(args).subscribe(args),
      onNext: (_context, _id, _payload, _args, { errors, ...result }) =>
        errors && ({ ...result, errors: errors.map(describe) } as FormattedExecutionResult),
      onError: ({ extra: { socket } }, _id, _payload, errors) => {
        if (socket.readyState === socket.OPEN) return errors.map(describe);
      }, // else it is the loss of the client, and nobody is told
      isProd: true,
    },
    sockets,
    PING_INTERVAL_MS,
  );
  server.on('upgrade', (request, socket, head) => upgrade(sockets, request, socket, head));
  return { close: (graceMs) => closeSockets(sockets, graceMs) };
}

type ConnectionParams = Record<string, unknown>;
type SocketExtra = Extra & Record<PropertyKey, unknown>;
type Engine = Pick<ReturnType<GraphQLHandler['yoga']['getEnveloped']>, 'execute' | 'subscribe'>;

function engineOf({ rootValue }: ExecutionArgs): Engine {
  return rootValue as Engine;
}

/** What yoga does for a request over HTTP: parse, validate, make the context. Its plugins come along. */
async function prepare(
  { yoga, toPublicError }: GraphQLHandler,
  context: Context<ConnectionParams, SocketExtra>,
  payload: SubscribePayload,
): Promise<ExecutionArgs | readonly GraphQLError[]> {
  try {
    const { socket, request: req } = context.extra;
    const enveloped = yoga.getEnveloped({ ...context, req, socket, params: payload });
    const document = enveloped.parse(payload.query);
    const errors = enveloped.validate(enveloped.schema, document);
    if (errors.length > 0) return errors;
    return {
      schema: enveloped.schema,
      document,
      operationName: payload.operationName,
      variableValues: payload.variables,
      contextValue: await enveloped.contextFactory(),
      rootValue: { execute: enveloped.execute, subscribe: enveloped.subscribe } satisfies Engine,
    };
  } catch (error) {
    return [toPublicError(error)];
  }
}

/** `http` is for yoga's responses. */
function toJson(error: GraphQLError) {
  const { http: _http, ...extensions } = error.extensions;
  return { ...error.toJSON(), extensions };
}

function upgrade(sockets: WebSocketServer, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  socket.on('error', () => socket.destroy());
  if (request.url?.split('?', 1)[0] === GRAPHQL_PATH) {
    sockets.handleUpgrade(request, socket, head, (client) => sockets.emit('connection', client, request));
  } else {
    socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  }
}

async function closeSockets(sockets: WebSocketServer, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => sockets.close(() => resolve()));
  for (const client of sockets.clients) client.close(SERVICE_RESTART, 'Service restart');
  const cutOff = setTimeout(() => {
    for (const client of sockets.clients) client.terminate();
  }, graceMs);
  await closed;
  clearTimeout(cutOff);
}
