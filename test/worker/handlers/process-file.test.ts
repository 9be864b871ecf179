import { Readable } from 'node:stream';
import { expect } from 'vitest';
import { FailPermanently, TaskCancelled } from '../../../src/core/errors.ts';
import { newId } from '../../../src/core/ids.ts';
import { processFile } from '../../../src/tasks/file.ts';
import { test } from '../../support/handler-context.ts';

test.for([
  ['uppercase', 'Straße\né 日😀', 'STRASSE\nÉ 日😀'],
  ['lowercase', 'ÄB\r\nC', 'äb\r\nc'],
  ['sort-lines', 'b\na\n\nB\na', '\nB\na\na\nb\n'],
  ['deduplicate-lines', 'b\na\nb\n\na\n\nc', 'b\na\n\nc\n'],
  ['sort-lines', '', ''],
  ['uppercase', '', ''],
] as const)('%s makes of %j %j', async ([operation, text, expected], { workshop }) => {
  const fileId = await workshop.upload(text, 'words.txt', 'text/plain');

  const { result, error } = await workshop.run(processFile, { fileId, operation });

  expect(error).toBeNull();
  const { row, content } = await workshop.read(result.fileId);
  expect(content.toString()).toBe(expected);
  expect(row).toMatchObject({ name: 'words.txt', contentType: 'text/plain', size: result.bytes });
  expect((await workshop.read(fileId)).content.toString()).toBe(text);
  expect(await workshop.countFiles()).toEqual({ rows: 2, stored: 2, temporary: 0 });
});

test('a large file is changed in pieces, with progress in bytes, whatever its letters', async ({ workshop }) => {
  const text = 'aé日😀\n'.repeat(200_000);
  const size = Buffer.byteLength(text);

  const { result, reports } = await workshop.run(processFile, {
    fileId: await workshop.upload(text),
    operation: 'uppercase',
  });

  expect((await workshop.read(result.fileId)).content.toString()).toBe(text.toUpperCase());
  expect(reports.length).toBeGreaterThan(10);
  expect(reports.at(-1)).toMatchObject({ current: size, total: size });
});

test('an attempt after a finished one has the same result and stores nothing more', async ({ workshop }) => {
  const fileId = await workshop.upload('a');
  const taskId = await workshop.enqueue(processFile, { fileId, operation: 'uppercase' });

  const first = await workshop.attempt(processFile, taskId);
  await workshop.sql.query({ text: `update task set state = 'RETRY' where id = $1` }, [taskId]);
  const second = await workshop.attempt(processFile, taskId);

  expect(second.result).toEqual(first.result);
  expect(await workshop.countFiles()).toEqual({ rows: 2, stored: 2, temporary: 0 });
});

test('a file that is no UTF-8 fails for good and leaves nothing', async ({ workshop }) => {
  const fileId = await workshop.upload(Buffer.from('caf\xe9', 'latin1'));

  const { error } = await workshop.run(processFile, { fileId, operation: 'sort-lines' });

  expect(error).toBeInstanceOf(FailPermanently);
  expect(error).toMatchObject({ code: 'NOT_TEXT' });
  expect(await workshop.countFiles()).toEqual({ rows: 1, stored: 1, temporary: 0 });
});

test('a file with too many lines to sort fails for good', async ({ workshop }) => {
  const megabyte = Buffer.alloc(2 ** 20, 'a\n');
  const fileId = await workshop.upload(Readable.from(Array(101).fill(megabyte)));

  const { error } = await workshop.run(processFile, { fileId, operation: 'sort-lines' });

  expect(error).toBeInstanceOf(FailPermanently);
  expect(error).toMatchObject({
    code: 'FILE_TOO_LARGE',
    message: `expected a file of at most ${100 * 2 ** 20} bytes, got: ${101 * 2 ** 20}`,
  });
});

test('an unknown file fails for good', async ({ workshop }) => {
  const { error } = await workshop.run(processFile, { fileId: newId(), operation: 'uppercase' });

  expect(error).toMatchObject({ code: 'FILE_NOT_FOUND' });
});

test('a cancelled task stops, says why and leaves nothing', async ({ workshop }) => {
  const fileId = await workshop.upload('a line\n'.repeat(500_000));
  const controller = new AbortController();
  const reason = new TaskCancelled('no longer wanted');

  const { error } = await workshop.run(
    processFile,
    { fileId, operation: 'uppercase' },
    { signal: controller.signal, onProgress: () => controller.abort(reason) },
  );

  expect(error).toBe(reason);
  expect(await workshop.countFiles()).toEqual({ rows: 1, stored: 1, temporary: 0 });
});

test('an attempt that is no longer current stores nothing', async ({ workshop }) => {
  const fileId = await workshop.upload('a');
  const taskId = await workshop.enqueue(processFile, { fileId, operation: 'uppercase' });
  let isOvertaken: Promise<unknown> | undefined;

  const { error } = await workshop.attempt(processFile, taskId, {
    onProgress: () => {
      isOvertaken ??= workshop.sql.query({ text: 'update task set attempt = attempt + 1 where id = $1' }, [taskId]);
    },
  });

  await isOvertaken;
  expect(error).toMatchObject({ code: 'FENCED' });
  expect(await workshop.countFiles()).toEqual({ rows: 1, stored: 1, temporary: 0 });
});
