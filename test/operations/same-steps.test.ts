import { expect } from 'vitest';
import type { WorkflowStepSpec } from '../../src/operations/check-workflow.ts';
import { enqueueWorkflow } from '../../src/operations/enqueue-workflow.ts';
import { test, type TestService } from './service.ts';

const STEP = { key: 'only', task: 'send-welcome-email', payload: { email: 'a@example.org', name: 'Ada' } };

function enqueue({ resources }: TestService, step: WorkflowStepSpec) {
  return enqueueWorkflow(resources, { name: 'same', idempotencyKey: 'key', steps: [step] });
}

test('a workflow that is sent again is the same one however it is written', async ({ service }) => {
  const { id } = await enqueue(service, STEP);

  for (const again of [
    { ...STEP, payload: { name: 'Ada', email: 'a@example.org' } },
    { ...STEP, dependsOn: [], inputFrom: null, onFailure: 'FAIL' as const, weight: 1 },
    { ...STEP, options: { expiresAt: new Date(Date.now() + 60_000) } },
  ]) {
    expect(await enqueue(service, again)).toEqual({ id, duplicate: true });
  }
});

test('a workflow with other steps is another one', async ({ service }) => {
  await enqueue(service, STEP);

  for (const other of [
    { ...STEP, key: 'other' },
    { ...STEP, payload: { ...STEP.payload, name: 'Grace' } },
    { ...STEP, onFailure: 'SKIP' as const },
    { ...STEP, weight: 2 },
  ]) {
    await expect(enqueue(service, other)).rejects.toMatchObject({ problems: [{ code: 'IDEMPOTENCY_KEY_REUSED' }] });
  }
});
