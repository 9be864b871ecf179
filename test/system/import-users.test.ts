import { expect } from 'vitest';
import { runStatement } from '../../src/dev/administer-postgres.ts';
import { upload } from '../support/api-client.ts';
import { peakMemoryMb } from '../support/peak-memory.ts';
import { test } from '../support/taskwire.ts';

const LINES = 1_000_000;
const TEST_TIMEOUT_MS = 180_000;
const KILLS_AT_PERCENT = [20, 45, 70];
const MEMORY_MAX_MB = 400;

const COUNT_USERS = 'select count(*)::int as users, count(distinct email)::int as addresses from app_user';

test(
  'a large import whose workers are killed three times has each row once',
  { timeout: TEST_TIMEOUT_MS },
  async ({ taskwire, world }) => {
    const { client } = await taskwire.startApi();
    const rows = Array.from({ length: LINES }, (_, at) =>
      at % 1000 === 7 ? 'no user' : `user${at}@example.com,User ${at}`,
    );
    const { file } = (await upload(client.url, ['email,name', ...rows].join('\n'), 'users.csv')) as any;
    const id = await client.enqueue('import-users', { fileId: file.id });
    const watch = client.watch(id, { after: 0 });
    const peaks: number[] = [];

    for (const [kills, percent] of KILLS_AT_PERCENT.entries()) {
      const doomed = await taskwire.startWorker();
      await watch.until(({ attempt, progress }) => attempt === kills + 1 && (progress?.percent ?? 0) >= percent);
      peaks.push(peakMemoryMb(doomed.pid));
      await doomed.kill();
    }
    const last = await taskwire.startWorker();
    const events = await watch.completed;
    peaks.push(peakMemoryMb(last.pid));

    expect(events.at(-1)).toMatchObject({ type: 'SUCCESS', attempt: 4 });
    expect(events.at(-1)?.result).toMatchObject({ imported: 999_000, updated: 0, rejected: 1000 });
    expect(events.at(-1)?.result.errors.slice(0, 2)).toEqual(
      [9, 1009].map((line) => ({ line, reason: 'expected 2 fields, got: 1' })),
    );
    expect(await runStatement(world.databaseUrl, COUNT_USERS)).toEqual([{ users: 999_000, addresses: 999_000 }]);
    expect(Math.max(...peaks)).toBeLessThan(MEMORY_MAX_MB);
  },
);
