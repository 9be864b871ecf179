import { simpleParser } from 'mailparser';
import { expect } from 'vitest';
import { FailPermanently } from '../../../src/core/errors.ts';
import { sendNotification } from '../../../src/tasks/email.ts';
import { openMailer } from '../../../worker/mailer.ts';
import { test } from '../../support/handler-context.ts';
import { startMailServer } from './mail-server.ts';

function mailerTo(smtpUrl: string) {
  return openMailer({ smtpUrl, outboxDir: '/nowhere', from: 'Taskwire <hello@taskwire.example>', timeoutMs: 5000 });
}

test('a user is mailed the message, escaped in the HTML part', async ({ workshop }) => {
  await using server = await startMailServer();
  const [userId = 0] = await workshop.createUsers([{ email: 'ada@example.com', name: 'Ada\r\n<i>' }]);
  const taskId = await workshop.enqueue(sendNotification, { userId, message: 'Hello <b>you</b>\nsecond & last' });

  const { result } = await workshop.attempt(sendNotification, taskId, { resources: { mailer: mailerTo(server.url) } });

  expect(result).toEqual({ status: 'sent', recipient: 'ada@example.com', sentAt: expect.any(String) });
  expect(server.mails.map(({ to }) => to)).toEqual([['ada@example.com']]);
  const mail = await simpleParser(server.mails[0]!.content);
  expect(mail.messageId).toBe(`<${taskId}@taskwire.example>`);
  expect(mail.text).toMatch(/^Hello Ada <i>,\n\nHello <b>you<\/b>\nsecond & last/);
  expect(mail.html).toContain('Hello &lt;b&gt;you&lt;/b&gt;\nsecond &amp; last</p>');
  expect(mail.html).not.toContain('<b>');
});

test('a user that does not exist fails the task for good', async ({ workshop }) => {
  const { error } = await workshop.run(sendNotification, { userId: 4711, message: 'Hello' });

  expect(error).toBeInstanceOf(FailPermanently);
  expect(error).toMatchObject({ code: 'USER_NOT_FOUND', message: 'there is no user with the id 4711' });
});

test.for([
  [{ userId: 1, message: 'x' }, true],
  [{ userId: 1, message: 'x'.repeat(1000) }, true],
  [{ userId: 1, message: 'x'.repeat(1001) }, false],
  [{ userId: 1, message: '' }, false],
  [{ userId: 0, message: 'x' }, false],
] as const)('the payload %j is checked', ([payload, isValid]) => {
  expect(sendNotification.input.safeParse(payload).success).toBe(isValid);
});
