import { expect, test } from 'vitest';
import { type SandboxServer, startSandboxServer } from '../../src/dev/sandbox-server.ts';

const order = { reference: 'order-1', amountCents: 1999, currency: 'EUR' };

async function pay({ paymentUrl }: SandboxServer, key: string, body: unknown = order) {
  const headers = key === '' ? {} : { 'idempotency-key': key };
  const response = await fetch(paymentUrl, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, ...((await response.json()) as { paymentId?: string; error?: string }) };
}

test('a payment with the same key is charged once and answered the same', async () => {
  await using sandbox = await startSandboxServer();

  const answers = await Promise.all([pay(sandbox, 'a'), pay(sandbox, 'a'), pay(sandbox, 'b')]);

  const charges = await (await fetch(sandbox.paymentUrl)).json();
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(answers[0]?.paymentId).toBe(answers[1]?.paymentId);
  expect(charges).toEqual([
    { ...order, key: 'a', paymentId: answers[0]?.paymentId },
    { ...order, key: 'b', paymentId: answers[2]?.paymentId },
  ]);
});

test('a payment without a key, with the key of another or without an amount is refused', async () => {
  await using sandbox = await startSandboxServer();
  await pay(sandbox, 'a');

  expect(await pay(sandbox, '')).toMatchObject({ status: 400, error: 'expected an Idempotency-Key, got none' });
  expect(await pay(sandbox, 'a', { ...order, amountCents: 1 })).toMatchObject({ status: 422 });
  expect(await pay(sandbox, 'c', { ...order, amountCents: undefined })).toMatchObject({ status: 400 });
  expect(sandbox.charges.size).toBe(1);
});

test('it can be told over HTTP what the next requests come to', async () => {
  await using sandbox = await startSandboxServer();
  const tell = (body: unknown) => fetch(`${sandbox.url}/behaviour`, { method: 'POST', body: JSON.stringify(body) });

  const told = await tell({ payments: ['decline', { status: 429, retryAfter: '3' }] });
  const wrong = await tell({ payments: ['explode'] });

  expect([told.status, wrong.status]).toEqual([200, 400]);
  expect(await pay(sandbox, 'a')).toMatchObject({ status: 402, error: 'insufficient funds' });
  expect(await pay(sandbox, 'a')).toMatchObject({ status: 429 });
  expect(await pay(sandbox, 'a')).toMatchObject({ status: 200 });
});

test('stopping it ends requests that hang, and its port refuses from then on', async () => {
  const sandbox = await startSandboxServer();
  sandbox.behave({ payments: ['hang'] });
  const hanging = pay(sandbox, 'a').catch((error: Error) => error.message);
  while (sandbox.charges.size === 0) await new Promise(setImmediate);

  await sandbox.stop();
  await sandbox.stop();

  expect(await hanging).toBe('fetch failed');
  await expect(pay(sandbox, 'a')).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
});
