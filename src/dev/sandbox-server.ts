import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { z } from 'zod';
import { messageOf } from '../core/errors.ts';

/**
 * What the sandbox does with a request. `hang` and `reset` lose the answer after the card was charged, which is the worst
 * that a gateway can do; every answer but `ok` leaves the card alone. A gateway that refuses connections is one that was
 * stopped.
 */
const outcome = z.union([
  z.enum(['ok', 'hang', 'reset', 'decline']),
  z.strictObject({
    status: z.int().min(200).max(599),
    /** Seconds, or a date, as the header Retry-After has it. */
    retryAfter: z.string().optional(),
    body: z.string().optional(),
  }),
]);

export type SandboxOutcome = z.infer<typeof outcome>;

const behaviour = z.strictObject({ payments: z.array(outcome).default([]), rates: z.array(outcome).default([]) });

/** What the next requests of each kind come to, one after the other; after the last, `ok`. */
export type SandboxBehaviour = z.input<typeof behaviour>;

/** A card that was charged. */
export interface SandboxCharge {
  paymentId: string;
  key: string;
  reference: string;
  amountCents: number;
  currency: string;
}

const order = z.object({
  reference: z.string().min(1),
  amountCents: z.int().positive(),
  currency: z.string().length(3),
});

/** What one euro costs. */
const EURO_RATES: Readonly<Record<string, number>> = {
  EUR: 1,
  USD: 1.0842,
  GBP: 0.8571,
  CHF: 0.9634,
  JPY: 161.35,
  SEK: 11.402,
  PLN: 4.2875,
};

export interface SandboxOptions {
  /** Default a free one. */
  port?: number;
}

/**
 * A payment gateway and an exchange rate service for development and tests, on 127.0.0.1:
 *
 * - `POST /payments` `{ reference, amountCents, currency }` with an `Idempotency-Key` charges a card, once for each key;
 *   `GET /payments` lists the charges.
 * - `GET /rates?base=EUR` answers rates with an ETag.
 * - `POST /behaviour` says what the next requests come to, e.g. `{ "payments": ["reset", { "status": 503 }] }`.
 */
export class SandboxServer implements AsyncDisposable {
  /** By key. */
  readonly charges = new Map<string, SandboxCharge>();
  /** The key of each payment that was asked for, whatever came of it. */
  readonly paymentRequests: string[] = [];
  /** The status of each answer about rates. */
  readonly rateAnswers: number[] = [];
  #behaviour = behaviour.parse({});
  readonly port: number;
  readonly #server: Server;

  /** Takes a server that listens. */
  constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#handle(request, response).catch((error: unknown) => {
        if (!response.headersSent) reply(response, 400, { error: messageOf(error) });
      });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** For PAYMENT_GATEWAY_URL. */
  get paymentUrl(): string {
    return `${this.url}/payments`;
  }

  /** For EXCHANGE_RATES_URL. */
  get exchangeRatesUrl(): string {
    return `${this.url}/rates`;
  }

  /** Replaces what the next requests come to. Throws a `ZodError` for what is no behaviour. */
  behave(next: SandboxBehaviour): void {
    this.#behaviour = behaviour.parse(next);
  }

  /** Cuts what is open and stops listening; does nothing the second time. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://sandbox');
    switch (`${request.method} ${url.pathname}`) {
      case 'POST /payments':
        return this.#pay(request, response);
      case 'GET /payments':
        return reply(response, 200, [...this.charges.values()]);
      case 'GET /rates':
        return this.#answerRates(url.searchParams.get('base') ?? 'EUR', request, response);
      case 'POST /behaviour':
        this.behave((await json(request)) as SandboxBehaviour);
        return reply(response, 200, this.#behaviour);
      default:
        return reply(response, 404, { error: `there is no ${request.method} ${url.pathname}` });
    }
  }

  async #pay(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const key = String(request.headers['idempotency-key'] ?? '');
    if (key === '') return reply(response, 400, { error: 'expected an Idempotency-Key, got none' });
    const wanted = order.parse(await json(request));
    this.paymentRequests.push(key);
    const next = this.#behaviour.payments.shift() ?? 'ok';
    if (next === 'decline') return reply(response, 402, { error: 'insufficient funds' });
    if (typeof next === 'object') return replyAsTold(response, next);
    const charge = this.charges.get(key) ?? { paymentId: `pay_${randomUUID()}`, key, ...wanted };
    if (charge.amountCents !== wanted.amountCents || charge.currency !== wanted.currency) {
      return reply(response, 422, { error: 'the Idempotency-Key belongs to another payment' });
    }
    this.charges.set(key, charge);
    if (next === 'reset') response.socket?.resetAndDestroy();
    if (next === 'ok') reply(response, 200, { paymentId: charge.paymentId });
  }

  #answerRates(base: string, request: IncomingMessage, response: ServerResponse): void {
    response.once('finish', () => this.rateAnswers.push(response.statusCode));
    const next = this.#behaviour.rates.shift() ?? 'ok';
    if (typeof next === 'object') return replyAsTold(response, next);
    if (next === 'hang') return;
    if (next === 'reset') return void response.socket?.resetAndDestroy();
    const rates = ratesOf(base);
    if (!rates) return reply(response, 404, { error: `there are no rates of ${base}` });
    const body = JSON.stringify({ base, rates });
    const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
    if (request.headers['if-none-match'] === etag) return void response.writeHead(304, { etag }).end();
    response.writeHead(200, { 'content-type': 'application/json', etag }).end(body);
  }
}

/** Starts the sandbox. Rejects when the port is taken. */
export async function startSandboxServer({ port = 0 }: SandboxOptions = {}): Promise<SandboxServer> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return new SandboxServer(server);
}

function ratesOf(base: string): Record<string, number> | undefined {
  const baseRate = EURO_RATES[base];
  if (baseRate === undefined) return undefined;
  const others = Object.entries(EURO_RATES).filter(([currency]) => currency !== base);
  return Object.fromEntries(others.map(([currency, rate]) => [currency, Number((rate / baseRate).toPrecision(6))]));
}

function replyAsTold(response: ServerResponse, told: Exclude<SandboxOutcome, string>): void {
  const { status, retryAfter, body = JSON.stringify({ error: 'as the sandbox was told' }) } = told;
  response.writeHead(status, {
    'content-type': 'application/json',
    ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }),
  });
  response.end(body);
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
