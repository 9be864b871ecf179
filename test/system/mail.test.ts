import { once } from 'node:events';
import { SMTPServer } from 'smtp-server';
import { expect } from 'vitest';
import { freePort } from '../../src/dev/free-port.ts';
import { test } from '../support/taskwire.ts';

test('a mail server that refuses and then accepts gets the mail once', async ({ taskwire }) => {
  const port = await freePort();
  const { client } = await taskwire.startApi();
  await taskwire.startWorker({ SMTP_URL: `smtp://127.0.0.1:${port}` });
  const id = await client.enqueue('send-welcome-email', { email: 'ada@example.com', name: 'Ada' });
  const watch = client.watch(id, { after: 0 });
  const retry = await watch.until(({ type }) => type === 'RETRY');

  await using mails = await acceptMails(port);
  const events = await watch.completed;

  expect(retry.error).toMatchObject({ code: 'CONNECTION', retryable: true });
  expect(events.at(-1)).toMatchObject({ type: 'SUCCESS', result: { status: 'sent', recipient: 'ada@example.com' } });
  expect(mails.recipients).toEqual(['ada@example.com']);
});

/** A mail server that keeps who it got mail for. */
async function acceptMails(port: number): Promise<{ recipients: string[] } & AsyncDisposable> {
  const recipients: string[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, session, done) {
      recipients.push(...session.envelope.rcptTo.map(({ address }) => address));
      stream.resume();
      stream.on('end', () => done());
    },
  });
  server.listen(port, '127.0.0.1');
  await once(server.server, 'listening');
  return { recipients, [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) };
}
