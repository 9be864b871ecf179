import type { ServerResponse } from 'node:http';
import type { ServiceResources } from '../operations/resources.ts';

/** The process runs. */
export const LIVE_PATH = '/health/live';
/** It can do its work. */
export const READY_PATH = '/health/ready';

const POSTGRES_TIMEOUT_MS = 1000;

/** What `/health/ready` answers. */
export interface Health {
  /** `ready` needs PostgreSQL only: without Redis tasks are accepted all the same, and run later. */
  status: 'ready' | 'unavailable';
  postgres: 'up' | 'down';
  redis: 'up' | 'down';
}

/** Asks PostgreSQL; it has one second to answer. */
export async function checkHealth({ sql, queues }: Pick<ServiceResources, 'sql' | 'queues'>): Promise<Health> {
  const asked = sql.query({ text: 'select 1' }, []).then(
    () => true,
    () => false,
  );
  const up = await Promise.race([asked, timeout(POSTGRES_TIMEOUT_MS)]);
  return {
    status: up ? 'ready' : 'unavailable',
    postgres: up ? 'up' : 'down',
    redis: queues.available ? 'up' : 'down',
  };
}

/** Answers with JSON that is not to be kept. */
export function sendJson(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' });
  res.end(JSON.stringify(body));
}

function timeout(ms: number): Promise<false> {
  return new Promise((resolve) => setTimeout(resolve, ms, false).unref());
}
