import { pino } from 'pino';
import { expect } from 'vitest';
import { enqueueWorkflow } from '../../src/operations/enqueue-workflow.ts';
import { openWorkerResources, type WorkerResourcesOptions } from '../../worker/open-worker-resources.ts';
import { RunningAttempts } from '../../worker/running-attempts.ts';
import { settlement } from '../db/database.ts';
import { test, type TestService } from '../operations/service.ts';
import { WorkflowLook } from '../operations/workflow-run.ts';
import { configOf } from '../support/core-service.ts';

/** A workflow of two steps, the first of which runs; answers how that ends. */
async function running({ resources, database }: TestService) {
  const steps = [
    { key: 'first', task: 'noop' },
    { key: 'second', task: 'noop', dependsOn: ['first'] },
  ];
  const { id } = await enqueueWorkflow(resources, { name: 'two', steps });
  const look = new WorkflowLook(database, id);
  const [waiting] = await look.waiting();
  const { id: taskId, attempt } = await database.start(waiting?.id ?? '');
  return { look, end: settlement({ taskId, attempt, state: 'SUCCESS', result: {}, workflowId: id }) };
}

test('a workflow that cannot go on holds up no other one that goes on in the same batch', async ({
  service,
  world,
}) => {
  const { resources, database, redis } = service;
  const logger = pino({ level: 'silent' });
  const { stepSettlements } = openWorkerResources({
    config: configOf(world),
    core: { resources, redis } as unknown as WorkerResourcesOptions['core'],
    workerId: 'worker-1',
    running: new RunningAttempts(logger),
    heartbeat: { mayJudge: true } as unknown as WorkerResourcesOptions['heartbeat'],
    stopping: new AbortController().signal,
    logger,
  });
  const stuck = await running(service);
  const sound = await running(service);
  await database.run(`update workflow_step set options = 'null' where workflow_id = $1 and key = 'second'`, [
    stuck.look.id,
  ]);

  const settled = await Promise.allSettled([stepSettlements.add(stuck.end), stepSettlements.add(sound.end)]);

  expect(settled.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  expect((await sound.look.steps()).get('second')).toMatchObject({ state: 'READY', taskState: 'PENDING' });
  expect((await stuck.look.steps()).get('first')).toMatchObject({ state: 'READY', taskState: 'STARTED' });
});
