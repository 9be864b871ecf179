import { describe, expect } from 'vitest';
import { newId } from '../../src/core/ids.ts';
import type { WorkflowEvent } from '../../src/core/workflow-event.ts';
import type { EventWatcher, WatchPosition } from '../../src/events/event-watcher.ts';
import { retryWorkflow } from '../../src/operations/retry-workflow.ts';
import { watchWorkflow } from '../../src/operations/watch-workflow.ts';
import { test as base } from '../operations/workflows.ts';

const test = base.extend('watcher', ({ service }) => service.resources.workflowWatcher);

/** Nobody is told. */
const SILENT = { publish: false };

async function follow(watcher: EventWatcher<WorkflowEvent>, id: string, position?: WatchPosition) {
  const events = await watcher.watch(id, position);
  if (!events) throw new Error(`expected a workflow with the id ${id}, got none`);
  return events;
}

/** The next events of a stream, as `sequence type` or `sequence step state`. */
async function take(events: AsyncIterator<WorkflowEvent>, count = Number.POSITIVE_INFINITY): Promise<string[]> {
  const taken: string[] = [];
  while (taken.length < count) {
    const { value, done } = await events.next();
    if (done) return [...taken, 'end'];
    taken.push(`${value.sequence} ${value.stepKey === null ? value.type : `${value.stepKey} ${value.stepState}`}`);
  }
  return taken;
}

const CHAIN = [{ key: 'a' }, { key: 'b', dependsOn: ['a'] }];
const WHOLE = [
  '1 ENQUEUED',
  '2 a RUNNING',
  '3 a SUCCESS',
  '4 b READY',
  '5 b RUNNING',
  '6 b SUCCESS',
  '7 SUCCESS',
  'end',
];

describe('who comes', () => {
  test('at the beginning gets a snapshot and then all that follows, live', async ({ watcher, workflows }) => {
    const id = await workflows.enqueue(CHAIN);
    const events = await follow(watcher, id);

    const snapshot = await take(events, 1);
    await workflows.run(id, 'a');
    const live = await take(events, 3);
    await workflows.run(id, 'b');

    expect(snapshot).toEqual(['1 SNAPSHOT']);
    expect([...live, ...(await take(events))]).toEqual(WHOLE.slice(1));
  });

  test('in the middle gets the workflow as it is', async ({ watcher, workflows }) => {
    const id = await workflows.enqueue(CHAIN);
    await workflows.run(id, 'a');
    const events = await follow(watcher, id);
    const { value: snapshot } = await events.next();

    await workflows.run(id, 'b');

    expect(snapshot).toEqual({
      workflowId: id,
      sequence: 4,
      type: 'SNAPSHOT',
      at: expect.any(String) as string,
      state: 'RUNNING',
      percent: 50,
      stepKey: null,
      stepState: null,
      taskId: null,
      taskSequence: null,
    });
    expect(await take(events)).toEqual(WHOLE.slice(4));
  });

  test('after the end gets the snapshot and the end', async ({ watcher, workflows }) => {
    const id = await workflows.enqueue(CHAIN);
    await workflows.run(id, 'a', 'FAILURE');

    expect(await take(await follow(watcher, id))).toEqual(['5 SNAPSHOT', '5 FAILURE', 'end']);
  });

  test('again gets all after what was seen, from any place', async ({ watcher, workflows }) => {
    const id = await workflows.enqueue(CHAIN);
    for (const { key } of CHAIN) await workflows.run(id, key);

    for (const after of [0, 1, 3, 6, 7, 99]) {
      expect(await take(await follow(watcher, id, { after }))).toEqual(WHOLE.slice(Math.min(after, 7)));
    }
  });

  test('again with more missed than a page gets it all', async ({ watcher, workflows }) => {
    const keys = Array.from({ length: 120 }, (_, at) => String(at));
    const id = await workflows.enqueue(keys.map((key) => ({ key })));
    for (const key of keys) await workflows.run(id, key, 'SUCCESS', SILENT);

    const events = await take(await follow(watcher, id, { after: 0 }));

    expect(events.map((event) => event.split(' ')[0])).toEqual([
      ...Array.from({ length: 242 }, (_, at) => String(at + 1)),
      'end',
    ]);
  });
});

test('a workflow that is run again is followed past its former end', async ({ service, watcher, workflows }) => {
  const id = await workflows.enqueue([{ key: 'a' }]);
  await workflows.run(id, 'a', 'FAILURE');
  await retryWorkflow(service.resources, id);
  const events = await follow(watcher, id, { after: 0 });

  const former = await take(events, 6);
  await workflows.run(id, 'a');

  expect(former).toEqual(['1 ENQUEUED', '2 a RUNNING', '3 a FAILURE', '4 FAILURE', '5 ENQUEUED', '6 a READY']);
  expect(await take(events)).toEqual(['7 a RUNNING', '8 a SUCCESS', '9 SUCCESS', 'end']);
});

describe('what Redis does not bring', () => {
  test('is read when the next message comes', async ({ watcher, workflows }) => {
    const id = await workflows.enqueue(CHAIN);
    const events = await follow(watcher, id, { after: 0 });
    await take(events, 1);

    await workflows.run(id, 'a', 'SUCCESS', SILENT);
    await workflows.run(id, 'b');

    expect(await take(events)).toEqual(WHOLE.slice(1));
  });

  test('is found by comparing, when no message comes any more', async ({ watcher, workflows }) => {
    const id = await workflows.enqueue(CHAIN);
    const events = await follow(watcher, id, { after: 0 });
    await take(events, 1);
    const rest = take(events);

    for (const { key } of CHAIN) await workflows.run(id, key, 'SUCCESS', SILENT);
    await watcher.refresh();

    expect(await rest).toEqual(WHOLE.slice(1));
  });
});

test('an unknown workflow and a place before the first event can’t be watched', async ({ service, workflows }) => {
  const { resources } = service;
  const id = await workflows.enqueue([{ key: 'a' }]);

  for (const unknown of [newId(), 'x', id.toUpperCase()]) {
    await expect(watchWorkflow(resources, { id: unknown })).rejects.toMatchObject({
      code: 'WORKFLOW_NOT_FOUND',
      message: `there is no workflow with the id ${JSON.stringify(unknown)}`,
    });
  }
  await expect(watchWorkflow(resources, { id, after: -1 })).rejects.toMatchObject({
    problems: [{ code: 'BAD_USER_INPUT', message: 'expected after to be 0 or more, got: -1', path: ['after'] }],
  });
});
