import { ConnectionError, FailPermanently, HttpError, TaskwireError, TimeoutError } from '../src/core/errors.ts';
import { toFailure } from '../src/core/failure.ts';

/** A call of a service outside Taskwire. */
export interface HttpCall {
  /** For messages: «the payment gateway». */
  service: string;
  /** A user and a password in it are sent as basic authentication. */
  url: URL;
  /** Default GET, or POST with a body. */
  method?: string;
  headers?: Record<string, string>;
  /** Sent as JSON. */
  body?: unknown;
  /** For the whole answer, in milliseconds. */
  timeoutMs: number;
  /** Gives the call up. */
  signal: AbortSignal;
}

/** An answer of 2xx, or 304. */
export interface HttpAnswer {
  status: number;
  headers: Headers;
  text: string;
}

/** 1 MB: what is called here answers with little. */
const ANSWER_MAX_BYTES = 2 ** 20;
const EXCERPT_MAX_LENGTH = 200;
/** A service that asks for more is asked again after a day. */
const RETRY_AFTER_MAX_MS = 24 * 3_600_000;

/**
 * Calls a service. Redirects are not followed.
 *
 * Rejects with the signal's reason; with a `ConnectionError` or a `TimeoutError` when there is no answer, an `HttpError`
 * when it is another one than 2xx or 304, and ANSWER_TOO_LARGE when it has more than 1 MB.
 */
export async function callService(call: HttpCall): Promise<HttpAnswer> {
  const { service, signal } = call;
  try {
    const response = await send(call);
    const { status, headers } = response;
    const text = await readText(response, service);
    if (response.ok || status === 304) return { status, headers, text };
    throw new HttpError(service, status, {
      retryAfterMs: parseRetryAfter(headers.get('retry-after'), Date.now()),
      excerpt: text.slice(0, EXCERPT_MAX_LENGTH).trim(),
    });
  } catch (error) {
    signal.throwIfAborted(); // its reason says more
    throw toTaskwireError(service, error);
  }
}

function send({ url, method, headers, body, timeoutMs, signal }: HttpCall): Promise<Response> {
  const { href, authorization } = withoutCredentials(url);
  return fetch(href, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      accept: 'application/json',
      ...authorization,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    body: body === undefined ? null : JSON.stringify(body),
    redirect: 'manual',
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  });
}

/** `fetch` takes no URL with a user. */
function withoutCredentials(url: URL): { href: string; authorization: Record<string, string> } {
  const { username, password } = url;
  if (username === '' && password === '') return { href: url.href, authorization: {} };
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  const credentials = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`);
  return { href: bare.href, authorization: { authorization: `Basic ${credentials.toString('base64')}` } };
}

async function readText({ body }: Response, service: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > ANSWER_MAX_BYTES) {
      throw new TaskwireError('ANSWER_TOO_LARGE', `${service} answered with more than ${ANSWER_MAX_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function toTaskwireError(service: string, error: unknown): unknown {
  if (error instanceof TaskwireError) return error;
  const { code, message } = toFailure(error);
  if (code === 'CONNECTION') return new ConnectionError(service, message);
  return code === 'TIMEOUT' ? new TimeoutError(service, message) : error;
}

/** Seconds, or a date (RFC 9110, 10.2.3). Null for anything else. */
export function parseRetryAfter(header: string | null, nowMs: number): number | null {
  const text = header?.trim() ?? '';
  const delayMs = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isNaN(delayMs) ? null : Math.min(Math.max(0, delayMs), RETRY_AFTER_MAX_MS);
}

/** The configured URL of a service. Throws `FailPermanently` with GATEWAY_NOT_CONFIGURED when there is none. */
export function requireUrl(url: string | undefined, variable: string): URL {
  if (url !== undefined) return new URL(url);
  throw new FailPermanently('GATEWAY_NOT_CONFIGURED', `expected ${variable} to be set for the worker, got: nothing`);
}
