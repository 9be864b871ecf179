import { expect } from 'vitest';
import { holdRowLock } from '../support/row-lock.ts';
import { test } from '../support/taskwire.ts';

test('tasks of a killed worker are finished by another, their effects once', async ({ taskwire, world }) => {
  const { client } = await taskwire.startApi();
  const doomed = await taskwire.startWorker();
  const users = await Promise.all(['a@x.io', 'b@x.io', 'c@x.io'].map((email) => client.createUser(email)));
  await using lock = await holdRowLock(world.databaseUrl, 'app_user');
  const ids = await client.enqueueMany(
    'update-user-stats',
    [...users, ...users].map((userId) => ({ userId })),
  );
  await lock.untilWaitedFor(ids.length);

  await doomed.kill();
  await lock.release();
  const rescuer = await taskwire.startWorker();
  const ends = await Promise.all(ids.map((id) => client.finished(id)));

  expect(ends.map(({ state }) => state)).toEqual(ids.map(() => 'SUCCESS'));
  expect(ends.map(({ attempt }) => attempt)).toEqual(ids.map(() => 2));
  for (const id of users) {
    expect((await client.request('query ($id: Int!) { user(id: $id) { loginCount } }', { id })).user.loginCount).toBe(
      2,
    );
  }
  expect((await rescuer.stop()).code).toBe(0);
});

test('a paused worker whose task was finished elsewhere wakes up and changes nothing', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  const paused = await taskwire.startWorker();
  const id = await client.enqueue('countdown', { steps: 12, stepMs: 150 });
  const watch = client.watch(id, { after: 0 });
  await watch.until(({ type }) => type === 'PROGRESS');

  paused.signal('SIGSTOP');
  await taskwire.startWorker();
  const events = await watch.completed;
  const finished = await client.task(id);
  paused.signal('SIGCONT');
  await paused.waitForLine(({ msg, taskId }) => taskId === id && msg.includes('no longer current'));

  expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
  expect(events.filter(({ type }) => type === 'RETRY').map(({ error }) => error?.code)).toEqual(['WORKER_LOST']);
  expect(events.at(-1)).toMatchObject({ type: 'SUCCESS', attempt: 2 });
  expect(await client.task(id)).toEqual(finished);
});

test('a worker paused in its transaction holds up nobody and its transaction is undone', async ({
  taskwire,
  world,
}) => {
  const { client } = await taskwire.startApi();
  const paused = await taskwire.startWorker();
  const userId = await client.createUser('a@x.io');
  await using lock = await holdRowLock(world.databaseUrl, 'app_user');
  const id = await client.enqueue('update-user-stats', { userId });
  await lock.untilWaitedFor(1);

  paused.signal('SIGSTOP');
  await taskwire.startWorker();
  await client.watch(id).until(({ type }) => type === 'RETRY');
  await lock.release();
  const end = await client.finished(id);
  paused.signal('SIGCONT');
  await paused.waitForLine(({ msg, taskId }) => taskId === id && msg.includes('no longer current'));

  expect(end).toMatchObject({ state: 'SUCCESS', attempt: 2, result: { userId, loginCount: 1 } });
  expect(
    (await client.request('query ($id: Int!) { user(id: $id) { loginCount } }', { id: userId })).user.loginCount,
  ).toBe(1);
});
