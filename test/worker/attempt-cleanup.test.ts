import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test as base } from 'vitest';
import { AttemptCleanup } from '../../worker/attempt-cleanup.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

interface Attempt {
  folder: string;
  cleanup: AttemptCleanup;
  /** What was logged. */
  errors: unknown[];
}

const test = base.extend('attempt', async ({}, { onCleanup }): Promise<Attempt> => {
  const parent = await temporaryFolder();
  onCleanup(() => parent[Symbol.asyncDispose]());
  const folder = join(parent.path, 'attempt');
  const errors: unknown[] = [];
  return { folder, errors, cleanup: new AttemptCleanup(folder, { error: (fields: unknown) => errors.push(fields) }) };
});

test('what an attempt has to put back is put back once, the newest first, whatever of it throws', async ({
  attempt,
}) => {
  const { cleanup, errors } = attempt;
  const done: string[] = [];
  const error = new Error('broken');
  cleanup.add(() => done.push('oldest'));
  cleanup.add(() => {
    throw error;
  });
  cleanup.add(async () => done.push('newest'));

  await Promise.all([cleanup.run(), cleanup.run()]);
  await cleanup.run();

  expect(done).toEqual(['newest', 'oldest']);
  expect(errors).toEqual([{ error }]);
});

test('temporary files have names of their own, and are gone afterwards, also those of a handler that goes on', async ({
  attempt,
}) => {
  const { cleanup, folder } = attempt;
  const first = await cleanup.tempFile('table.csv');
  await writeFile(first, 'temporary');
  await cleanup.run();
  await expect(access(folder)).rejects.toMatchObject({ code: 'ENOENT' });

  const second = await cleanup.tempFile('table.csv');
  await writeFile(second, 'temporary');
  await cleanup.run();

  expect(second).not.toBe(first);
  await expect(access(folder)).rejects.toMatchObject({ code: 'ENOENT' });
});

test.for(['../table.csv', 'a/b', '.hidden', '', 'x'.repeat(101)])(
  '%j is no name of a file',
  async (name, { attempt }) => {
    await expect(attempt.cleanup.tempFile(name)).rejects.toThrow(
      `expected a file name without a path, got: ${JSON.stringify(name)}`,
    );
  },
);
