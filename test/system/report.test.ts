import { parse } from 'csv-parse/sync';
import { expect } from 'vitest';
import { test } from '../support/taskwire.ts';

test('a report is made in a child and fetched by its link', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  await taskwire.startWorker();
  for (const email of ['ada@example.com', 'bob@example.com']) await client.createUser(email);
  const id = await client.enqueue('generate-report', { kind: 'user-activity', format: 'csv' });

  const { state, result } = await client.finished(id);
  const { file } = await client.request('query ($id: ID!) { file(id: $id) { name downloadUrl } }', {
    id: result.fileId,
  });
  const response = await fetch(new URL(file.downloadUrl, client.url));
  const table = parse<Record<string, string>>(await response.text(), { columns: true });

  expect(state).toBe('SUCCESS');
  expect(result).toMatchObject({ rows: 2, partial: false });
  expect(file.name).toBe('user-activity.csv');
  expect(table.map(({ email }) => email)).toEqual(['ada@example.com', 'bob@example.com']);
});

test('ended tasks are archived in a child, and those that were archived are deleted', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  await taskwire.startWorker();
  const old = await client.enqueue('noop');
  await client.finished(old);

  const id = await client.enqueue('archive-task-history', { olderThanDays: 0, delete: true });
  const { state, result } = await client.finished(id);

  expect(state).toBe('SUCCESS');
  expect(result).toMatchObject({ tasks: 1 });
  expect(await client.task(old)).toBe(null);
  expect(await client.task(id)).toMatchObject({ state: 'SUCCESS' });
});
