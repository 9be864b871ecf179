import { describe, expect } from 'vitest';
import { test as base } from '../support/taskwire.ts';
import { type ShownWorkflowEvent, WorkflowClient } from '../support/workflow-client.ts';

/** An API, a worker, and what they say of workflows. */
const test = base.extend('workflows', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  await taskwire.startWorker();
  return new WorkflowClient(client);
});

const sum = (...values: number[]) => ({ task: 'sum', payload: { values } });
/** Fails for good at its first attempt. */
const failing = { task: 'fail-times', payload: { times: 1, code: 'TOO_BAD' }, options: { maxAttempts: 1 } };
const total = (step: string) => ({ step, path: 'total' });

describe('shapes', () => {
  test('a chain hands each result on to the next', async ({ workflows }) => {
    const id = await workflows.chain([
      sum(1, 2),
      { task: 'sum', inputFrom: { values: [{ step: 'previous', path: 'total' }, total('1')] } },
      { task: 'sum', inputFrom: { values: [{ step: 'previous', path: 'total' }] } },
    ]);

    const { state, percent, steps, finishedAt } = await workflows.finished(id);

    expect({ state, percent }).toEqual({ state: 'SUCCESS', percent: 100 });
    expect(finishedAt).not.toBeNull();
    expect(steps.map(({ key, dependsOn, result }) => ({ key, dependsOn, result }))).toEqual([
      { key: '1', dependsOn: [], result: { total: 3 } },
      { key: '2', dependsOn: ['1'], result: { total: 6 } },
      { key: '3', dependsOn: ['2'], result: { total: 6 } },
    ]);
  });

  test('a group runs its tasks side by side', async ({ workflows }) => {
    const { state, steps } = await workflows.finished(await workflows.group([sum(1), sum(2), { task: 'noop' }]));

    expect(state).toBe('SUCCESS');
    expect(steps.map(({ result }) => result)).toEqual([{ total: 1 }, { total: 2 }, {}]);
    expect(steps.every(({ dependsOn }) => dependsOn.length === 0)).toBe(true);
  });

  test('the callback of a chord gets the results in their order, and runs once', async ({ workflows }) => {
    const tasks = [
      { task: 'countdown', payload: { steps: 3, stepMs: 50 } },
      { task: 'countdown', payload: { steps: 1, stepMs: 0 } },
    ];
    const list = { resultsAs: 'values', resultsPath: 'steps' };

    const id = await workflows.chord({ tasks, callback: { task: 'sum' }, ...list });
    const { state, steps } = await workflows.finished(id);

    expect(state).toBe('SUCCESS');
    expect(steps.at(-1)).toMatchObject({
      key: 'callback',
      dependsOn: ['1', '2'],
      result: { total: 4 },
      task: { attempt: 1 },
    });
  });

  test('a callback that takes no objects gets the values of results with a single field', async ({ workflows }) => {
    const id = await workflows.chord({ tasks: [sum(1), sum(2)], callback: { task: 'sum' }, resultsAs: 'values' });

    expect((await workflows.finished(id)).steps.at(-1)).toMatchObject({ state: 'SUCCESS', result: { total: 3 } });
  });

  test('a callback that takes no list runs after all the same, and what does not fit it fails it', async ({
    workflows,
  }) => {
    const bare = await workflows.chord({ tasks: [{ task: 'noop' }, { task: 'noop' }], callback: { task: 'noop' } });
    const tasks = [{ task: 'noop' }, sum(2)];
    const unfit = await workflows.chord({ tasks, callback: { task: 'sum' }, resultsAs: 'values' });

    expect((await workflows.finished(bare)).states).toEqual({ 1: 'SUCCESS', 2: 'SUCCESS', callback: 'SUCCESS' });
    const { state, error, steps } = await workflows.finished(unfit);
    expect(state).toBe('FAILURE');
    expect(steps.at(-1)).toMatchObject({ state: 'FAILURE', task: null, error: { code: 'PAYLOAD_INVALID' } });
    expect(error?.message).toContain('step "callback": values.0');
  });

  test('a diamond joins once, when both of its sides are done', async ({ workflows }) => {
    const id = await workflows.enqueue([
      { key: 'top', ...sum(5) },
      { key: 'left', task: 'sum', inputFrom: { values: [total('top')] } },
      { key: 'right', task: 'countdown', payload: { stepMs: 50 }, inputFrom: { steps: total('top') } },
      { key: 'bottom', task: 'sum', inputFrom: { values: [total('left'), { step: 'right', path: 'steps' }] } },
    ]);

    const { state, steps } = await workflows.finished(id);
    const events = await workflows.allEvents(id);

    expect(state).toBe('SUCCESS');
    expect(steps.at(-1)).toMatchObject({ result: { total: 10 }, task: { attempt: 1 } });
    expect(events.filter(({ stepKey, stepState }) => stepKey === 'bottom' && stepState === 'READY')).toHaveLength(1);
  });

  test('a chain of a group of chains ends in one place', async ({ workflows }) => {
    const lanes = ['a', 'b', 'c'];
    const id = await workflows.enqueue([
      { key: 'start', ...sum(1) },
      ...lanes.flatMap((lane) => [
        { key: `${lane}1`, task: 'sum', inputFrom: { values: [total('start'), total('start')] } },
        { key: `${lane}2`, task: 'sum', inputFrom: { values: [total(`${lane}1`), total('start')] } },
      ]),
      { key: 'join', task: 'sum', inputFrom: { values: lanes.map((lane) => total(`${lane}2`)) } },
      { key: 'end', task: 'sum', inputFrom: { values: [total('join'), total('start')] } },
    ]);

    const { state, steps } = await workflows.finished(id);

    expect(state).toBe('SUCCESS');
    expect(steps.slice(-2).map(({ result }) => result)).toEqual([{ total: 9 }, { total: 10 }]);
  });

  test('a step that is tried again keeps its dependants waiting', async ({ workflows }) => {
    const flaky = { task: 'fail-times', payload: { times: 1 } };
    const id = await workflows.chain([
      flaky,
      { task: 'sum', inputFrom: { values: [{ step: '1', path: 'attempts' }] } },
    ]);

    const { state, steps } = await workflows.finished(id);

    expect(state).toBe('SUCCESS');
    expect(steps.map(({ result }) => result)).toEqual([{ attempts: 2 }, { total: 2 }]);
  });
});

describe('a failure', () => {
  test('fails the workflow and revokes what has not started', async ({ workflows }) => {
    const id = await workflows.enqueue([
      { key: 'bad', ...failing },
      { key: 'late', options: { delaySeconds: 3600 } },
      { key: 'after', dependsOn: ['bad'] },
    ]);

    const { state, error, states, steps } = await workflows.finished(id);

    expect(state).toBe('FAILURE');
    expect(error).toMatchObject({ code: 'TOO_BAD', message: expect.stringContaining('step "bad": ') as string });
    expect(states).toEqual({ bad: 'FAILURE', late: 'REVOKED', after: 'REVOKED' });
    expect(steps.map((step) => step.error?.code)).toEqual(['TOO_BAD', 'CANCELLED', 'CANCELLED']);
  });

  test('that is to go on lets its dependants run without it', async ({ workflows }) => {
    const id = await workflows.enqueue([
      { key: 'bad', ...failing, onFailure: 'CONTINUE' },
      { key: 'good', ...sum(7) },
      {
        key: 'after',
        task: 'sum',
        dependsOn: ['bad'],
        inputFrom: { values: [{ step: 'bad', path: 'attempts' }, total('good')] },
      },
    ]);

    const { state, states, steps } = await workflows.finished(id);

    expect(state).toBe('SUCCESS');
    expect(states).toEqual({ bad: 'FAILURE', good: 'SUCCESS', after: 'SUCCESS' });
    expect(steps.at(-1)?.result).toEqual({ total: 7 });
  });

  test('that is to be skipped skips those that need it, and what follows from them', async ({ workflows }) => {
    const id = await workflows.enqueue([
      { key: 'bad', ...failing, onFailure: 'SKIP' },
      { key: 'needs', dependsOn: ['bad'] },
      { key: 'needsThat', dependsOn: ['needs'] },
      { key: 'settled', dependsOn: ['bad', 'needsThat'], join: 'ALL_SETTLED' },
    ]);

    const { state, states } = await workflows.finished(id);

    expect(state).toBe('SUCCESS');
    expect(states).toEqual({ bad: 'FAILURE', needs: 'SKIPPED', needsThat: 'SKIPPED', settled: 'SUCCESS' });
  });
});

describe('a join of any', () => {
  test('starts when so many have succeeded, and not twice', async ({ workflows }) => {
    const id = await workflows.enqueue([
      { key: 'a' },
      { key: 'b' },
      { key: 'slow', task: 'countdown', payload: { steps: 1, stepMs: 500 } },
      { key: 'any', dependsOn: ['a', 'b', 'slow'], join: 'ANY', joinCount: 2 },
    ]);

    const { state } = await workflows.finished(id);
    const events = await workflows.allEvents(id);

    const at = (key: string, step: string) =>
      events.findIndex(({ stepKey, stepState }) => stepKey === key && stepState === step);
    expect(state).toBe('SUCCESS');
    expect(at('any', 'READY')).toBeGreaterThan(0);
    expect(at('any', 'READY')).toBeLessThan(at('slow', 'SUCCESS'));
    expect(events.filter(({ stepKey, stepState }) => stepKey === 'any' && stepState === 'READY')).toHaveLength(1);
  });

  test('is skipped when so many can’t succeed any more', async ({ workflows }) => {
    const id = await workflows.enqueue([
      { key: 'bad', ...failing, onFailure: 'SKIP' },
      { key: 'good' },
      { key: 'any', dependsOn: ['bad', 'good'], join: 'ANY', joinCount: 2 },
    ]);

    expect((await workflows.finished(id)).states).toEqual({ bad: 'FAILURE', good: 'SUCCESS', any: 'SKIPPED' });
  });
});

test('a client follows a workflow from its enqueueing to its end, and again from where it was', async ({
  workflows,
}) => {
  const id = await workflows.chain([
    sum(1),
    { task: 'sum', inputFrom: { values: [{ step: 'previous', path: 'total' }] } },
  ]);

  const events = await workflows.allEvents(id);
  const rest = await workflows.allEvents(id, 3);
  const after = await workflows.allEvents(id, null);

  expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
  expect(events[0]).toMatchObject({ type: 'ENQUEUED', state: 'RUNNING', percent: 0, stepKey: null, event: null });
  expect(told(events)).toEqual(['1 RUNNING', '1 SUCCESS', '2 READY', '2 RUNNING', '2 SUCCESS']);
  expect(events.find(({ stepState }) => stepState === 'SUCCESS')).toMatchObject({
    type: 'STEP',
    percent: 50,
    event: { type: 'SUCCESS', result: { total: 1 } },
  });
  expect(events.find(({ stepState }) => stepState === 'READY')?.event).toMatchObject({ type: 'ENQUEUED' });
  expect(events.at(-1)).toMatchObject({ type: 'SUCCESS', state: 'SUCCESS', percent: 100, event: null });
  expect(rest).toEqual(events.slice(3));
  expect(after).toMatchObject([{ type: 'SNAPSHOT', sequence: events.length, stepKey: null }, events.at(-1)]);
});

test('a client that goes in the middle comes back without a hole or a repeat', async ({ workflows }) => {
  const slow = { task: 'countdown', payload: { steps: 4, stepMs: 100 } };
  const id = await workflows.chain([slow, slow, slow]);
  const seen: ShownWorkflowEvent[] = [];

  for (let ended = false; !ended;) {
    for await (const event of workflows.events(id, seen.at(-1)?.sequence ?? 0)) {
      seen.push(event);
      ended = event.state !== 'RUNNING';
      if (seen.length % 2 === 0) break;
    }
  }

  expect(seen).toEqual(await workflows.allEvents(id));
  expect(seen.map(({ sequence }) => sequence)).toEqual(seen.map((_, index) => index + 1));
});

test('a cancelled workflow ends: what runs is told, what has not started never does', async ({ workflows }) => {
  const id = await workflows.enqueue([
    { key: 'running', task: 'countdown', payload: { steps: 1000, stepMs: 100 } },
    { key: 'waiting', options: { delaySeconds: 3600 } },
    { key: 'after', dependsOn: ['running'] },
  ]);
  for await (const { stepKey, stepState } of workflows.events(id)) {
    if (stepKey === 'running' && stepState === 'RUNNING') break;
  }

  const cancelled = await workflows.change('cancelWorkflow', id, 'reason: "enough"');
  const { state, states, steps } = await workflows.finished(id);
  const again = await workflows.change('cancelWorkflow', id);

  expect(cancelled).toMatchObject({ workflow: { id }, userErrors: [] });
  expect(state).toBe('REVOKED');
  expect(states).toEqual({ running: 'REVOKED', waiting: 'REVOKED', after: 'REVOKED' });
  expect(steps.map(({ error }) => error?.message)).toEqual(['enough', 'enough', 'enough']);
  expect(again).toMatchObject({ workflow: null, userErrors: [{ code: 'WORKFLOW_ALREADY_FINISHED', path: ['id'] }] });
});

test('a failed workflow that is run again goes on where it failed', async ({ workflows }) => {
  const id = await workflows.enqueue([
    { key: 'good', ...sum(1) },
    { key: 'bad', ...failing, dependsOn: ['good'] },
    { key: 'after', task: 'sum', inputFrom: { values: [{ step: 'bad', path: 'attempts' }, total('good')] } },
  ]);
  const failed = await workflows.finished(id);

  const { workflow, userErrors } = await workflows.change('retryWorkflow', id);
  const { state, steps } = await workflows.finished(id);
  const events = await workflows.allEvents(id);

  expect(failed).toMatchObject({ state: 'FAILURE', states: { good: 'SUCCESS', bad: 'FAILURE', after: 'REVOKED' } });
  expect(userErrors).toEqual([]);
  expect(workflow?.error).toBeNull();
  expect(state).toBe('SUCCESS');
  expect(steps.map(({ result, task }) => [result, task?.attempt])).toEqual([
    [{ total: 1 }, 1],
    [{ attempts: 2 }, 2],
    [{ total: 3 }, 1],
  ]);
  expect(events.filter(({ type }) => type !== 'STEP').map(({ type }) => type)).toEqual([
    'ENQUEUED',
    'FAILURE',
    'ENQUEUED',
    'SUCCESS',
  ]);
  expect((await workflows.change('retryWorkflow', id)).userErrors).toMatchObject([
    { code: 'WORKFLOW_ALREADY_FINISHED' },
  ]);
});

/** Of the events with a step. */
function told(events: readonly ShownWorkflowEvent[]): string[] {
  return events.filter(({ stepKey }) => stepKey !== null).map(({ stepKey, stepState }) => `${stepKey} ${stepState}`);
}
