import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pino } from 'pino';
import { expect } from 'vitest';
import { FailPermanently } from '../../src/core/errors.ts';
import { newId } from '../../src/core/ids.ts';
import { StoredFile } from '../../src/db/entities/stored-file.ts';
import { openOrm } from '../../src/db/orm.ts';
import { readStoredFile } from '../../src/operations/read-file.ts';
import { uploadFile } from '../../src/operations/upload-file.ts';
import { test } from './stored-files.ts';

function upload(content: Readable, names: { name?: string; contentType?: string } = {}) {
  return { name: 'data.bin', contentType: 'application/octet-stream', ...names, content };
}

test('an uploaded file is read back with its name, size and type', async ({ stored }) => {
  const content = randomBytes(300_000);

  const { id } = await uploadFile(
    stored,
    upload(Readable.from([content]), { name: 'users.csv', contentType: 'Text/CSV' }),
  );

  const read = await readStoredFile(stored, id);
  expect(read.row).toMatchObject({ id, name: 'users.csv', size: 300_000, contentType: 'text/csv' });
  expect(read.row.createdAt).toBeInstanceOf(Date);
  expect((await buffer(read.content)).equals(content)).toBe(true);
});

test('an empty file is a file of no bytes', async ({ stored }) => {
  const { id } = await uploadFile(stored, upload(Readable.from([])));

  const { row, content } = await readStoredFile(stored, id);
  expect(row.size).toBe(0);
  expect(await buffer(content)).toHaveLength(0);
});

test('a file of exactly the limit is stored', async ({ stored }) => {
  const { size } = await uploadFile(stored, upload(Readable.from([Buffer.alloc(stored.maxUploadBytes)])));

  expect(size).toBe(stored.maxUploadBytes);
});

test('a file over the limit is refused without being read to its end, and nothing is kept', async ({ stored }) => {
  let produced = 0;
  function* endless() {
    for (;;) {
      produced += 10_000;
      yield Buffer.alloc(10_000);
    }
  }
  const content = Readable.from(endless());

  const uploading = uploadFile(stored, upload(content));

  await expect(uploading).rejects.toMatchObject({
    code: 'FILE_TOO_LARGE',
    problems: [
      { code: 'FILE_TOO_LARGE', message: 'expected a file of at most 1000000 bytes, got more', path: ['file'] },
    ],
  });
  expect(content.destroyed).toBe(true);
  expect(produced).toBeLessThan(2 * stored.maxUploadBytes);
  expect(await stored.list()).toEqual([]);
  expect(await stored.orm.em.fork().count(StoredFile)).toBe(0);
});

test('an upload that breaks off fails with its own error, and nothing is kept', async ({ stored }) => {
  const failure = new Error('the client went away');
  async function* broken() {
    yield Buffer.alloc(100_000);
    throw failure;
  }

  const uploading = uploadFile(stored, upload(Readable.from(broken())));

  await expect(uploading).rejects.toBe(failure);
  expect(await stored.list()).toEqual([]);
  expect(await stored.orm.em.fork().count(StoredFile)).toBe(0);
});

test('a file whose row cannot be written is removed again', async ({ stored }) => {
  const logger = pino({ level: 'silent' });
  const orm = await openOrm({ databaseUrl: 'postgres://nobody@127.0.0.1:1/none', applicationName: 'test', logger });

  const uploading = uploadFile({ ...stored, orm }, upload(Readable.from(['content'])));

  await expect(uploading).rejects.toThrow(/ECONNREFUSED/);
  expect(await stored.list()).toEqual([]);
  await orm.close(true);
});

test('a name is kept as one line without a path, of at most 255 characters', async ({ stored }) => {
  const expected: Record<string, string> = {
    '../../etc/passwd': 'passwd',
    'C:\\Users\\Ada\\users.csv': 'users.csv',
    'folder/': 'folder',
    'a\u0000b\r\nc\u001b[31m.txt': 'abc[31m.txt',
    'photo\u202egnp.exe': 'photognp.exe',
    'half a pair \ud800': 'half a pair \ufffd',
    '日報.txt': '日報.txt',
    ['😀'.repeat(300)]: '😀'.repeat(255),
    '..': 'file',
    '': 'file',
    ' \u0007 ': 'file',
  };

  const kept: Record<string, string> = {};
  for (const name of Object.keys(expected)) {
    const { id } = await uploadFile(stored, upload(Readable.from([]), { name }));
    kept[name] = (await stored.orm.em.fork().findOneOrFail(StoredFile, { id })).name;
  }

  expect(kept).toEqual(expected);
});

test('a content type is kept in its normal form, and one that is none becomes application/octet-stream', async ({
  stored,
}) => {
  const expected: Record<string, string> = {
    'Text/Plain; charset=UTF-8': 'text/plain;charset=UTF-8',
    '': 'application/octet-stream',
    plain: 'application/octet-stream',
    'text/pl\u0000ain': 'application/octet-stream',
    'text/plain\r\nX-Header: 1': 'application/octet-stream',
    [`text/${'x'.repeat(300)}`]: 'application/octet-stream',
  };

  const kept: Record<string, string> = {};
  for (const contentType of Object.keys(expected)) {
    kept[contentType] = (await uploadFile(stored, upload(Readable.from([]), { contentType }))).contentType;
  }

  expect(kept).toEqual(expected);
});

test('reading a file that nobody has uploaded fails for good', async ({ stored }) => {
  for (const id of [newId(), 'no-id', '']) {
    const error: unknown = await readStoredFile(stored, id).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(FailPermanently);
    expect(error).toMatchObject({ code: 'FILE_NOT_FOUND', message: `there is no file with the id "${id}"` });
  }
});

test('a file that is gone from the store is not found', async ({ stored }) => {
  const { id } = await uploadFile(stored, upload(Readable.from(['content'])));
  await stored.files.remove(id);

  const reading = readStoredFile(stored, id);

  await expect(reading).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
});
