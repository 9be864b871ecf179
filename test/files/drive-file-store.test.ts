import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test as base, expect } from 'vitest';
import { newId } from '../../src/core/ids.ts';
import { openFileStore } from '../../src/files/drive-file-store.ts';
import { listFiles } from '../operations/stored-files.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const test = base.extend('location', async ({}, { onCleanup }) => {
  const folder = await temporaryFolder();
  onCleanup(() => folder[Symbol.asyncDispose]());
  return join(folder.path, 'files');
});

test('a file is read as it was written', async ({ location }) => {
  const store = openFileStore({ location });
  const id = newId();
  const content = Buffer.from([0, 1, 2, 253, 254, 255]);

  await store.write(id, Readable.from([content.subarray(0, 2), content.subarray(2)]));

  expect(await buffer(await store.read(id))).toEqual(content);
});

test('an empty file is a file', async ({ location }) => {
  const store = openFileStore({ location });
  const id = newId();

  await store.write(id, Readable.from([]));

  expect(await buffer(await store.read(id))).toHaveLength(0);
});

test('a file that was never written is not found', async ({ location }) => {
  const store = openFileStore({ location });
  const id = newId();

  const reading = store.read(id);

  await expect(reading).rejects.toMatchObject({
    code: 'FILE_NOT_FOUND',
    message: `there is no file with the id "${id}"`,
  });
});

test.for(['../../etc/passwd', '', '/etc/passwd', 'a'])(
  'a key that is no UUID, %j, reaches no file',
  async (key, { location }) => {
    const store = openFileStore({ location });

    await expect(store.write(key, Readable.from(['x']))).rejects.toThrow(
      `expected the key of a file to be a UUID, got: ${JSON.stringify(key)}`,
    );
    await expect(store.read(key)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await store.remove(key);

    expect(await listFiles(location)).toEqual([]);
  },
);

test('removing a file removes it, and removing it again does nothing', async ({ location }) => {
  const store = openFileStore({ location });
  const id = newId();
  await store.write(id, Readable.from(['content']));

  await store.remove(id);
  await store.remove(id);

  await expect(store.read(id)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  expect(await listFiles(location)).toEqual([]);
});

test('a stream that fails in the middle is answered with its own error and leaves nothing behind', async ({
  location,
}) => {
  const store = openFileStore({ location });
  const failure = new Error('the client went away');
  async function* failing() {
    yield Buffer.alloc(200_000);
    throw failure;
  }

  const writing = store.write(newId(), Readable.from(failing()));

  await expect(writing).rejects.toBe(failure);
  expect(await listFiles(location)).toEqual([]);
});

test('a stream that failed before it was read is answered with its own error and leaves nothing behind', async ({
  location,
}) => {
  const store = openFileStore({ location });
  const failure = new Error('the client went away');
  const content = new Readable({ read() {} });

  const writing = store.write(newId(), content);
  content.destroy(failure);

  await expect(writing).rejects.toBe(failure);
  expect(await listFiles(location)).toEqual([]);
});

test('a stream that is cut off without an error leaves nothing behind', async ({ location }) => {
  const store = openFileStore({ location });
  const content = new Readable({ read() {} });
  content.push(Buffer.alloc(100_000));

  const writing = store.write(newId(), content);
  content.destroy();

  await expect(writing).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
  expect(await listFiles(location)).toEqual([]);
});

test('a store that cannot write says that it is not available and stops reading', async ({ location }) => {
  await writeFile(location, 'a file where the folder should be');
  const store = openFileStore({ location });
  const content = Readable.from([Buffer.alloc(10)]);

  const writing = store.write(newId(), content);

  await expect(writing).rejects.toMatchObject({
    code: 'SERVICE_UNAVAILABLE',
    message: expect.stringMatching(/^The file store is not available/),
  });
  expect(content.destroyed).toBe(true);
});
