import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { answerRequests, sayReady } from './answer-requests.ts';
import { sharedClockMs } from './statistics.ts';

/** Subscriptions of which each yields an event per report, and then ends. */
export interface Watching {
  url: string;
  query: string;
  ids: readonly string[];
}

interface ProgressEvent {
  taskEvents: { progress: { current: number; total: number } | null };
}

/** A process with one websocket that notes when the reports of tasks arrive. */
let arrivals: [string, number][] = [];
let streams: Promise<void>[] = [];

answerRequests({
  /** Answers when every subscription has got its first event, the snapshot. */
  async watch({ url, query, ids }: Watching) {
    arrivals = [];
    const client = createClient({ url: url.replace(/^http/, 'ws'), webSocketImpl: WebSocket, retryAttempts: 0 });
    const opened = ids.map(() => Promise.withResolvers<void>());
    streams = ids.map(async (id, at) => {
      for await (const { data, errors } of client.iterate<ProgressEvent>({ query, variables: { id } })) {
        const arrivedMs = sharedClockMs();
        opened[at]?.resolve();
        if (errors) throw new Error(`the stream answered: ${JSON.stringify(errors)}`);
        const progress = data?.taskEvents.progress;
        if (progress) arrivals.push([`${progress.total}/${progress.current}`, arrivedMs]);
      }
    });
    await Promise.race([Promise.all(opened.map(({ promise }) => promise)), Promise.all(streams)]);
  },
  /** Answers when each report arrived first, after all streams have ended. */
  async arrivals() {
    await Promise.all(streams);
    return arrivals;
  },
});
sayReady();
