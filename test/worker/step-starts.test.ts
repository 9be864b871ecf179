import { pino } from 'pino';
import { expect } from 'vitest';
import { startSteps, type StepStart } from '../../src/db/statements/start-steps.ts';
import { enqueueWorkflow } from '../../src/operations/enqueue-workflow.ts';
import { watchWorkflow } from '../../src/operations/watch-workflow.ts';
import { StepStarts } from '../../worker/step-starts.ts';
import { test as base, type TestService } from '../operations/service.ts';
import { WorkflowLook } from '../operations/workflow-run.ts';

/** A group of three whose tasks have been claimed, and what was written of them together. */
const test = base.extend('group', async ({ service }) => {
  const steps = ['a', 'b', 'c'].map((key) => ({ key, task: 'noop' }));
  const { id } = await enqueueWorkflow(service.resources, { name: 'group', steps });
  const written: StepStart[][] = [];
  return { id, written, tasks: await claimAll(service, id), starts: openStarts(service, written) };
});

async function claimAll({ database }: TestService, workflowId: string) {
  const waiting = await new WorkflowLook(database, workflowId).waiting();
  return Promise.all(waiting.map(({ id }) => database.start(id)));
}

function openStarts({ resources }: TestService, written: StepStart[][]): StepStarts {
  return new StepStarts({
    async write(starts) {
      written.push([...starts]);
      return startSteps(resources.sql, starts);
    },
    publish: (events) => resources.bus.publishWorkflow(events),
    logger: pino({ level: 'silent' }),
  });
}

test('steps that begin at about the same time are said to be RUNNING together', async ({ service, group }) => {
  const events = await watchWorkflow(service.resources, { id: group.id, after: 1 });

  for (const task of group.tasks) group.starts.note(task);
  const told = [await events.next(), await events.next(), await events.next()].map(({ value }) => value);

  expect(told).toMatchObject(['a', 'b', 'c'].map((stepKey) => ({ stepKey, stepState: 'RUNNING', taskSequence: 2 })));
  expect(group.written).toHaveLength(1);
  await events.return?.();
});

test('a step that has ended by then is left to its end', async ({ service, group }) => {
  const [short, long] = group.tasks;
  const events = await watchWorkflow(service.resources, { id: group.id, after: 1 });

  if (short && long) {
    group.starts.note(short);
    group.starts.note(long);
    group.starts.forget(short.id);
  }

  expect((await events.next()).value).toMatchObject({ taskId: long?.id, stepState: 'RUNNING' });
  expect(group.written.flat().map(({ taskId }) => taskId)).toEqual([long?.id]);
  await events.return?.();
});
