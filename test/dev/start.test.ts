import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ApiClient } from '../support/api-client.ts';
import { ManagedProcess } from '../support/managed-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { freePort } from '../../src/dev/free-port.ts';
import { expect, test } from 'vitest';

test('npm start serves, keeps its data for the next start, and Ctrl-C leaves no process', async () => {
  await using folder = await temporaryFolder();
  const environment = { DATA_DIR: folder.path, PORT: String(await freePort()) };

  const first = await start(environment);
  const id = await first.client.enqueue('noop');
  await first.client.finished(id);
  const processes = await descendantsOf(first.process.pid);
  first.process.signal('SIGINT');
  const exit = await first.process.exited;

  expect(exit).toEqual({ code: 0, signal: null });
  expect(processes.length).toBeGreaterThanOrEqual(4); // Postgres, Redis, API, worker
  expect(processes.filter(isAlive)).toEqual([]);

  const second = await start(environment);
  expect(await second.client.task(id)).toMatchObject({ state: 'SUCCESS' });
  second.process.signal('SIGTERM');
  expect(await second.process.exited).toEqual({ code: 0, signal: null });
});

test('a second npm start says what is in its way and exits 1', async () => {
  await using folder = await temporaryFolder();
  await using otherFolder = await temporaryFolder();
  const port = String(await freePort());
  const first = await start({ DATA_DIR: folder.path, PORT: port });
  await using samePort = new ManagedProcess('src/dev/start.ts', { DATA_DIR: otherFolder.path, PORT: port });
  await using sameFolder = new ManagedProcess('src/dev/start.ts', { DATA_DIR: folder.path, PORT: '0' });

  const exits = await Promise.all([samePort.exited, sameFolder.exited]);
  const id = await first.client.enqueue('noop');

  expect(exits.map(({ code }) => code)).toEqual([1, 1]);
  expect(samePort.stderr).toContain(`Port ${port} on 127.0.0.1 is in use`);
  expect(sameFolder.stderr).toContain(`The data folder ${folder.path} is in use by process ${first.process.pid}`);
  expect((await first.client.finished(id)).state).toBe('SUCCESS');
  first.process.signal('SIGINT');
  expect(await first.process.exited).toEqual({ code: 0, signal: null });
});

test('a killed npm start leaves nothing that keeps the next one from starting', async () => {
  await using folder = await temporaryFolder();
  const environment = { DATA_DIR: folder.path, PORT: String(await freePort()) };
  const first = await start(environment);
  const id = await first.client.enqueue('noop');
  await first.client.finished(id);

  await first.process.kill();
  const second = await start({ ...environment, PORT: String(await freePort()) });

  expect(await second.client.task(id)).toMatchObject({ state: 'SUCCESS' });
  second.process.signal('SIGINT');
  expect(await second.process.exited).toEqual({ code: 0, signal: null });
});

test('npm run demo shows progress from the subscription and the result, and exits 0', async () => {
  await using demo = new ManagedProcess('src/dev/demo.ts', {});

  const exit = await demo.exited;

  expect(demo.stderr).toBe('');
  expect(exit).toEqual({ code: 0, signal: null });
  const output = demo.lines.map(({ msg }) => msg).join('\n');
  expect(output).toMatch(/\[#+] 100% \| 2000000\/2000000 lines/);
  expect(output).toMatch(
    /Result:\n +lines +2000000\n +words +\d+\n +bytes +\d+\n +longestLine +\d+\n +sha256 +[0-9a-f]{64}/,
  );
});

test('npm run demo takes a file of the user, and says when there is none', async () => {
  await using demo = new ManagedProcess('src/dev/demo.ts', {}, [import.meta.filename]);
  await using none = new ManagedProcess('src/dev/demo.ts', {}, ['no/such/file']);

  expect((await demo.exited).code).toBe(0);
  expect((await none.exited).code).toBe(1);
  expect(none.stderr).toBe('Expected the path of a file, got: no/such/file (nothing there)\n');
});

interface Started {
  process: ManagedProcess;
  client: ApiClient;
}

async function start(environment: Record<string, string>): Promise<Started> {
  const started = new ManagedProcess('src/dev/start.ts', environment);
  const { msg } = await started.waitForLine((line) => line.msg.includes('GraphiQL: http'));
  return { process: started, client: new ApiClient(/http\S+/.exec(msg)?.[0] ?? '') };
}

/** All processes that a process has started, and those that these have. */
async function descendantsOf(pid: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'pid=,ppid=']);
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const found = [pid];
  for (const parent of found) found.push(...rows.filter(([, ppid]) => ppid === parent).map(([child = 0]) => child));
  return found.slice(1);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
