import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DataFolderInUseError, lockDataFolder } from '../../src/dev/data-folder-lock.ts';
import { type ScriptProcess, startScript } from '../support/script-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const MODULE = new URL('../../src/dev/data-folder-lock.ts', import.meta.url).href;

/** Locks the folder and stays; prints «locked», or the name of the error. */
function startHolder(folder: string): ScriptProcess {
  return startScript(`
    import { lockDataFolder } from ${JSON.stringify(MODULE)};
    await lockDataFolder(${JSON.stringify(folder)}).then(() => console.log('locked'), (error) => console.log(error.name));
    setInterval(() => {}, 1000);
  `);
}

test('a folder that another process holds is refused, and the message says who holds it and what to do', async () => {
  await using folder = await temporaryFolder();
  await using holder = startHolder(folder.path);
  expect(await holder.firstLine).toBe('locked');

  const refusal = await lockDataFolder(folder.path).catch((error: unknown) => error);

  expect(refusal).toBeInstanceOf(DataFolderInUseError);
  expect((refusal as Error).message).toBe(
    `The data folder ${folder.path} is in use by process ${holder.pid}. ` +
      'Stop that process first, or set DATA_DIR to another folder to run a second one beside it.',
  );
});

test('the lock of a process that was killed can be taken', async () => {
  await using folder = await temporaryFolder();
  await using holder = startHolder(folder.path);
  expect(await holder.firstLine).toBe('locked');

  await holder.kill();

  const lock = await lockDataFolder(folder.path);
  lock.release();
});

test('of several processes that want the folder at once, one gets it', async () => {
  await using folder = await temporaryFolder();
  await using resources = new AsyncDisposableStack();
  const rivals = Array.from({ length: 4 }, () => resources.use(startHolder(folder.path)));

  const outcomes = await Promise.all(rivals.map((rival) => rival.firstLine));

  expect(outcomes.toSorted()).toEqual([
    'DataFolderInUseError',
    'DataFolderInUseError',
    'DataFolderInUseError',
    'locked',
  ]);
});

test('a released folder can be locked again, by the same process too', async () => {
  await using folder = await temporaryFolder();
  const first = await lockDataFolder(folder.path);
  await expect(lockDataFolder(folder.path)).rejects.toMatchObject({ code: 'DATA_FOLDER_IN_USE', pid: process.pid });

  first.release();
  first.release();

  const second = await lockDataFolder(folder.path);
  second.release();
});

test('a folder that does not exist is made', async () => {
  await using folder = await temporaryFolder();

  const lock = await lockDataFolder(join(folder.path, 'new', 'data'));

  expect(await readdir(join(folder.path, 'new'))).toEqual(['data']);
  lock.release();
});
