import { expect } from 'vitest';
import { cancelWorkflow } from '../../src/operations/cancel-workflow.ts';
import { enqueueWorkflow } from '../../src/operations/enqueue-workflow.ts';
import { getWorkflow } from '../../src/operations/get-workflow.ts';
import { test } from './service.ts';

test('a reason that is cut within a character is kept, and the workflow is cancelled', async ({ service }) => {
  const steps = [
    { key: 'first', task: 'noop' },
    { key: 'second', task: 'noop', dependsOn: ['first'] },
  ];
  const { id } = await enqueueWorkflow(service.resources, { name: 'two', steps });

  await cancelWorkflow(service.resources, { id, reason: `${'x'.repeat(999)}😀` });

  expect(await getWorkflow(service.resources, id)).toMatchObject({
    state: 'REVOKED',
    cancelReason: `${'x'.repeat(999)}\u{fffd}`,
  });
});
