import type { IncomingMessage, ServerResponse } from 'node:http';
import { GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { readMultipart } from './multipart.ts';

/** The most that a request may take besides its files, in bytes; also of a message on a websocket. */
export const REQUEST_MAX_BYTES = 16 * 1024 ** 2;

/** What yoga's hooks get from Node's server. */
export interface ServerContext {
  req: IncomingMessage;
  res: ServerResponse;
}

type RequestParse = Parameters<NonNullable<Plugin<object, ServerContext>['onRequestParse']>>[0];

/**
 * Reads the bodies of requests. They are bounded, in place of yoga's own limit, which would hold for files too, and multipart
 * bodies are read as they come, where yoga would keep whole files in memory. What cannot be read is the client's fault.
 */
export function useRequestBody(): Plugin<object, ServerContext> {
  return {
    onRequestParse(parse) {
      const { req } = parse.serverContext;
      if (req.method !== 'GET' && req.method !== 'POST') return; // yoga's to refuse
      if (req.method === 'POST' && isMultipart(req)) {
        parse.setRequestParser(() => readMultipart(req, REQUEST_MAX_BYTES));
      } else {
        readBounded(parse);
      }
    },
  };
}

function isMultipart(req: IncomingMessage): boolean {
  return /^multipart\/form-data\s*;/i.test(req.headers['content-type'] ?? '');
}

/** Node's parser sees to it that no more comes than the length that is announced; what is not announced is counted. */
function readBounded({ requestParser, setRequestParser, serverContext: { req }, fetchAPI }: RequestParse): void {
  if (!requestParser) throw unreadable('expected the content-type application/json or multipart/form-data', 415);
  if (Number(req.headers['content-length'] ?? 0) > REQUEST_MAX_BYTES) throw bodyTooLarge();
  const isCounted = req.headers['transfer-encoding'] !== undefined;
  setRequestParser(async (request) => {
    const { url, method, headers, signal } = request;
    const body = bounded(req) as unknown as BodyInit; // yoga's Request takes any async iterable
    try {
      return await requestParser(isCounted ? new fetchAPI.Request(url, { method, headers, signal, body }) : request);
    } catch (error) {
      throw error instanceof SyntaxError ? unreadable('expected variables and extensions to be JSON', 400) : error;
    }
  });
}

async function* bounded(req: IncomingMessage): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > REQUEST_MAX_BYTES) throw bodyTooLarge();
    yield chunk;
  }
}

function bodyTooLarge(): GraphQLError {
  return unreadable(`expected a request of at most ${REQUEST_MAX_BYTES} bytes besides its files, got more`, 413);
}

function unreadable(message: string, status: number): GraphQLError {
  return new GraphQLError(message, { extensions: { http: { status } } });
}
