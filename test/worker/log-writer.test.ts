import { pino } from 'pino';
import { expect } from 'vitest';
import { Batcher } from '../../src/core/batcher.ts';
import { appendEvents } from '../../src/db/statements/append-events.ts';
import { LogWriter } from '../../worker/event-writer.ts';
import { openTaskLogger } from '../../worker/task-logger.ts';
import type { WorkerResources } from '../../worker/worker-resources.ts';
import { type Database, test } from '../db/database.ts';

const logger = pino({ level: 'silent' });

function resourcesOf({ sql }: Database): WorkerResources {
  const events = new Batcher((batch: Parameters<typeof appendEvents>[1]) => appendEvents(sql, batch));
  const bus = { publish: () => undefined };
  return { sql, events, bus, logger, stopping: new AbortController().signal } as unknown as WorkerResources;
}

test('lines from level info up become events in their order, with their fields', async ({ database }) => {
  const { id: taskId } = await database.enqueue();
  const { attempt } = await database.start(taskId);
  const writer = new LogWriter(resourcesOf(database), { taskId, attempt, onFenced: () => undefined });
  const log = openTaskLogger(logger, (line) => writer.write(line));

  log.debug('too small');
  log.info('order %d of %s', 7, 'Ada');
  log.warn({ left: 2 }, 'few are left');
  log.error(new Error('broken'));
  log.info('\u0000 cannot be stored');
  await writer.flush();

  const lines = (await database.history(taskId)).filter(({ type }) => type === 'LOG');
  expect(lines.map(({ message }) => message)).toEqual([
    'order 7 of Ada',
    'few are left {"left":2}',
    'broken',
    '\ufffd cannot be stored',
  ]);
});

test('a line has at most 4 KB', async () => {
  const lines: string[] = [];
  const log = openTaskLogger(logger, (line) => lines.push(line));

  log.info('é'.repeat(5000));

  expect(Buffer.byteLength(lines[0] ?? '')).toBeLessThanOrEqual(4096);
  expect(lines[0]).toMatch(/^é+…$/);
});

test('a task has at most 1,000 lines over all its attempts, then one that says so', async ({ database }) => {
  const { id: taskId } = await database.enqueue();
  const { attempt } = await database.start(taskId);
  const first = new LogWriter(resourcesOf(database), { taskId, attempt, onFenced: () => undefined });
  for (let line = 1; line <= 700; line += 1) first.write(`first ${line}`);
  await first.flush();
  await database.settle({ taskId, attempt, state: 'RETRY' });
  const again = await database.start(taskId);

  const second = new LogWriter(resourcesOf(database), { taskId, attempt: again.attempt, onFenced: () => undefined });
  for (let line = 1; line <= 700; line += 1) second.write(`second ${line}`);
  await second.flush();

  const lines = (await database.history(taskId)).filter(({ type }) => type === 'LOG').map(({ message }) => message);
  expect(lines).toHaveLength(1001);
  expect(lines.slice(998)).toEqual(['second 299', 'second 300', expect.stringContaining('has logged 1000 lines')]);
});
