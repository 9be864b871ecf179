import autocannon from 'autocannon';
import { answerRequests, sayReady } from './answer-requests.ts';

/** What a server is to be loaded with. */
export interface Load {
  url: string;
  /** Of the POST. */
  body: string;
  connections: number;
  seconds: number;
}

/** How a server has answered. */
export interface LoadResult {
  /** Requests that were answered with 2xx and the expected content. */
  answered: number;
  /** All others. */
  failed: number;
  perSecond: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
}

/** A process that loads an HTTP server. */
answerRequests({
  async load({ url, body, connections, seconds }: Load): Promise<LoadResult> {
    const result = await autocannon({
      url,
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body,
      connections,
      duration: seconds,
    });
    const { errors, timeouts, non2xx, latency, duration } = result;
    const answered = result['2xx'];
    return {
      answered,
      failed: errors + timeouts + non2xx,
      perSecond: answered / duration,
      p50: latency.p50,
      p99: latency.p99,
    };
  },
});
sayReady();
