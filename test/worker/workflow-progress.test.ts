import { pino } from 'pino';
import { expect } from 'vitest';
import type { TaskProgress } from '../../src/core/progress.ts';
import type { WorkflowEvent } from '../../src/core/workflow-event.ts';
import { appendEvents } from '../../src/db/statements/append-events.ts';
import { appendWorkflowProgress } from '../../src/db/statements/append-workflow-progress.ts';
import { settleAttempts } from '../../src/db/statements/settle-attempts.ts';
import { startSteps } from '../../src/db/statements/start-steps.ts';
import { endSteps } from '../../src/operations/advance-workflows.ts';
import { enqueueWorkflow } from '../../src/operations/enqueue-workflow.ts';
import { getWorkflow } from '../../src/operations/get-workflow.ts';
import { watchWorkflow } from '../../src/operations/watch-workflow.ts';
import { WorkflowProgress } from '../../worker/workflow-progress.ts';
import { settlement } from '../db/database.ts';
import { test as base, type TestService } from '../operations/service.ts';
import { WorkflowLook } from '../operations/workflow-run.ts';

/** A workflow of two steps of which the first, with three quarters of the weight, runs. */
const test = base.extend('running', async ({ service }) => {
  const { id } = await enqueueWorkflow(service.resources, {
    name: 'half',
    steps: [
      { key: 'long', task: 'countdown', payload: { steps: 4, stepMs: 0 }, weight: 3 },
      { key: 'short', task: 'noop', dependsOn: ['long'] },
    ],
  });
  const [waiting] = await new WorkflowLook(service.database, id).waiting();
  const task = await service.database.start(waiting?.id ?? '');
  await startSteps(service.database.sql, [
    { workflowId: id, position: 0, taskId: task.id, taskSequence: task.sequence },
  ]);
  const told = new WorkflowProgress(service.resources, pino({ level: 'silent' }));
  return { id, task, report: (percent: number) => report(service, told, task, percent) };
});

async function report(
  { database }: TestService,
  told: WorkflowProgress,
  task: Awaited<ReturnType<TestService['database']['start']>>,
  percent: number,
): Promise<void> {
  const { id: taskId, attempt } = task;
  const at = new Date().toISOString();
  const progress: TaskProgress = {
    current: percent,
    total: 100,
    percent,
    message: null,
    ratePerSecond: null,
    etaSeconds: null,
    at,
  };
  const [event] = await appendEvents(database.sql, [
    { taskId, attempt, type: 'PROGRESS', progress, message: null, at },
  ]);
  if (!event) throw new Error('expected the progress to be written, but it was not');
  told.note(task, event);
}

test('who follows a workflow hears how far its running steps are, by weight', async ({ service, running }) => {
  const events = await watchWorkflow(service.resources, { id: running.id });
  await events.next(); // the snapshot

  await running.report(50);

  expect((await events.next()).value).toMatchObject({
    type: 'PROGRESS',
    percent: 37.5, // half of three quarters
    stepKey: 'long',
    stepState: 'RUNNING',
    taskId: running.task.id,
    taskSequence: 3,
  });
  expect(await getWorkflow(service.resources, running.id)).toMatchObject({ percent: 37.5 });
  await events.return?.();
});

test('of many reports in a second the first and the newest are told', async ({ service, running }) => {
  const events = await watchWorkflow(service.resources, { id: running.id, after: 2 });

  for (const percent of [10, 20, 30, 40]) await running.report(percent);
  const told = [await events.next(), await events.next()].map(({ value }) => value as WorkflowEvent);

  expect(told.map(({ taskSequence }) => taskSequence)).toEqual([3, 6]);
  expect(told.at(-1)?.percent).toBeCloseTo(30);
  await events.return?.();
});

test('what was told does not go back when the next attempt begins from the start', async ({ service, running }) => {
  const events = await watchWorkflow(service.resources, { id: running.id, after: 2 });

  await running.report(80);
  await running.report(10);
  const told = [await events.next(), await events.next()].map(({ value }) => (value as WorkflowEvent).percent);

  expect(told).toEqual([60, 60]);
  await events.return?.();
});

test('progress that comes while its step is ending is not counted beside the end', async ({ service, running }) => {
  const { resources, database } = service;
  const { id: taskId, attempt, sequence } = running.task;
  await running.report(50);
  await expect.poll(() => getWorkflow(resources, running.id)).toMatchObject({ sequence: 3 });

  const { ending, telling } = await database.sql.transaction(async (sql) => {
    const end = settlement({ taskId, attempt, state: 'SUCCESS', result: {}, workflowId: running.id });
    const ended = await endSteps(resources.catalog, sql, [running.id], () => settleAttempts(sql, [end]));
    const told = appendWorkflowProgress(database.sql, {
      workflowId: running.id,
      position: 0,
      taskId,
      taskSequence: sequence + 1,
    });
    await expect.poll(() => waitingForLocks(database)).toBe(1);
    return { ending: ended, telling: [told] };
  });

  expect(ending.news.workflowEvents.at(-1)).toMatchObject({ stepKey: 'short', stepState: 'READY', percent: 75 });
  expect(await telling[0]).toBeUndefined();
  expect(await getWorkflow(resources, running.id)).toMatchObject({ percent: 75 });
});

async function waitingForLocks({ run }: TestService['database']): Promise<number> {
  const [row] = await run<{ waiting: number }>(
    `select count(*)::int as waiting from pg_stat_activity
     where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return row?.waiting ?? 0;
}
