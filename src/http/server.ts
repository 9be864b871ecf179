import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { FILES_PATH } from '../operations/download-links.ts';
import { serveFile } from './files.ts';
import { checkHealth, LIVE_PATH, READY_PATH, sendJson } from './health.ts';
import { serveWebSockets, type WebSockets } from './websocket.ts';
import { GRAPHQL_PATH, type GraphQLHandler, type GraphQLHandlerOptions, openGraphQL } from './yoga.ts';

/** What is under way when the server closes may take so long. */
const CLOSE_GRACE_MS = 5000;
/** How long what is left of a request is read and dropped after its response, so that the client gets to read that. */
const LINGER_MS = 10_000;
/** From the first byte of a request to its last: a large upload over a slow line. */
const REQUEST_TIMEOUT_MS = 3600_000;
/** Longer than proxies keep their connections, so that it is they who close them. */
const KEEP_ALIVE_MS = 75_000;

/** The HTTP server of the API. */
export interface ApiServer {
  /** Not listening yet. */
  server: Server;
  /**
   * Stops accepting, asks websockets (1012) and event streams to come again, lets requests finish for up to 5 s, and cuts off
   * what is left then. A second call waits for the first.
   */
  close(): Promise<void>;
}

/** Makes the server: GraphQL over HTTP, SSE and websockets at /graphql, files and the health checks. It opens no port. */
export function createApiServer(options: GraphQLHandlerOptions): ApiServer {
  const graphql = openGraphQL(options);
  const responses = new Set<ServerResponse>();
  let closing: Promise<void> | undefined;

  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS }, (req, res) => {
    responses.add(res);
    res.on('close', () => responses.delete(res));
    res.on('finish', () => dropRest(req));
    if (closing) res.setHeader('connection', 'close');
    void route(req, res);
  });
  const sockets = serveWebSockets(server, graphql);

  async function route(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const path = req.url?.split('?', 1)[0] ?? '';
    if (path.startsWith(FILES_PATH)) return serveFile(options.resources, req, res);
    switch (path) {
      case GRAPHQL_PATH:
        req.headers.host = 'localhost'; // yoga makes a URL of it, and would show its stack when that fails
        return graphql.yoga(req, res);
      case LIVE_PATH:
        return sendJson(res, 200, { status: 'live' });
      case READY_PATH: {
        const health = await checkHealth(options.resources);
        return sendJson(res, health.status === 'ready' && !closing ? 200 : 503, health);
      }
      default:
        return sendJson(res, 404, { error: `there is nothing at this path; GraphQL is at ${GRAPHQL_PATH}` });
    }
  }

  return { server, close: () => (closing ??= closeServer({ server, sockets, graphql, responses })) };
}

interface OpenServer {
  server: Server;
  sockets: WebSockets;
  graphql: GraphQLHandler;
  /** Those that are under way. */
  responses: ReadonlySet<ServerResponse>;
}

async function closeServer({ server, sockets, graphql, responses }: OpenServer): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const res of responses) {
    if (graphql.isStream(res)) res.destroy(); // an orderly end would say that the task has come to its end
    else if (!res.headersSent) res.setHeader('connection', 'close');
  }
  const cutOff = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
  await sockets.close(CLOSE_GRACE_MS);
  await closed;
  clearTimeout(cutOff);
}

/** Most clients read a response only when they have sent all of their request. */
function dropRest(req: IncomingMessage): void {
  if (req.complete) return;
  req.unpipe();
  req.resume();
  const cutOff = setTimeout(() => req.destroy(), LINGER_MS);
  req.on('close', () => clearTimeout(cutOff));
}
