import { simpleParser } from 'mailparser';
import type { SMTPServerOptions } from 'smtp-server';
import { expect } from 'vitest';
import { TaskCancelled } from '../../../src/core/errors.ts';
import { sendNewsletter } from '../../../src/tasks/email.ts';
import { openMailer } from '../../../worker/mailer.ts';
import { test } from '../../support/handler-context.ts';
import { type MailServer, smtpError, startMailServer } from './mail-server.ts';

const letter = { subject: 'News', body: '# News\n\n**Bold** [here](https://example.com)\n<script>alert(1)</script>' };

function to(server: MailServer) {
  const mailer = openMailer({
    smtpUrl: server.url,
    outboxDir: '/nowhere',
    from: 'a@taskwire.example',
    timeoutMs: 5000,
  });
  return { resources: { mailer } };
}

function recipients(server: MailServer): string[] {
  return server.mails.flatMap((mail) => mail.to).toSorted();
}

function addresses(count: number): { email: string }[] {
  return Array.from({ length: count }, (_, at) => ({ email: `user${String(at).padStart(3, '0')}@example.com` }));
}

/** Refuses recipients as `reply` says. */
function refusing(reply: (address: string, seen: number) => Error | undefined): SMTPServerOptions {
  let seen = 0;
  return { onRcptTo: ({ address }, _session, done) => done(reply(address, (seen += 1))) };
}

test('every user gets one mail with an HTML and a text part', async ({ workshop }) => {
  await using server = await startMailServer();
  const users = addresses(250);
  await workshop.createUsers(users);
  const taskId = await workshop.enqueue(sendNewsletter, letter);

  const { result, reports } = await workshop.attempt(sendNewsletter, taskId, to(server));

  expect(result).toEqual({ sent: 250, failed: 0, failures: [] });
  expect(recipients(server)).toEqual(users.map(({ email }) => email));
  expect(reports.map(({ current, total }) => [current, total])).toEqual([
    [0, 250],
    [100, 250],
    [200, 250],
    [250, 250],
  ]);
  expect(await workshop.steps(taskId)).toEqual(['recipients', 'batch-1', 'batch-2', 'batch-3']);
  const mail = await simpleParser(server.mails[0]!.content);
  expect(mail.subject).toBe('News');
  expect(mail.html).toContain('<strong>Bold</strong> <a href="https://example.com">here</a>');
  expect(mail.html).toContain('&lt;script&gt;');
  expect(mail.text).toContain('**Bold**');
  expect(mail.messageId).toMatch(new RegExp(`^<${taskId}-\\d+@taskwire.example>$`));
});

test('a filter chooses by domain and by activity', async ({ workshop }) => {
  await using server = await startMailServer();
  await workshop.createUsers([
    { email: 'old@example.com', lastActivityAt: new Date('2026-01-01T00:00:00Z') },
    { email: 'new@EXAMPLE.com', lastActivityAt: new Date('2026-03-01T00:00:00Z') },
    { email: 'never@example.com' },
    { email: 'new@sub.example.com', lastActivityAt: new Date('2026-03-01T00:00:00Z') },
  ]);

  const byDomain = await workshop.run(
    sendNewsletter,
    { ...letter, filter: { emailDomain: 'example.com' } },
    to(server),
  );
  const activeSince = '2026-03-01T01:00:00+01:00';
  const byBoth = { ...letter, filter: { emailDomain: 'example.com', activeSince } };
  const both = await workshop.run(sendNewsletter, byBoth, to(server));
  const nobody = await workshop.run(sendNewsletter, { ...letter, filter: { emailDomain: 'example.org' } }, to(server));

  expect([byDomain, both, nobody].map(({ result }) => result.sent)).toEqual([3, 1, 0]);
  expect(server.mails.at(-1)?.to).toEqual(['new@example.com']); // as SMTP writes domains
});

test.for(['%', 'a_b.com', '@example.com', '', `${'a.'.repeat(130)}b`])('the domain %j is refused', (emailDomain) => {
  expect(sendNewsletter.input.safeParse({ ...letter, filter: { emailDomain } }).success).toBe(false);
});

test('refused addresses are told and do not stop the others', async ({ workshop }) => {
  await using server = await startMailServer(
    refusing((address) =>
      address.startsWith('user001')
        ? smtpError(550, 'No such user')
        : address.startsWith('user002')
          ? smtpError(450, 'Later')
          : undefined,
    ),
  );
  await workshop.createUsers(addresses(20));

  const { result } = await workshop.run(sendNewsletter, letter, to(server));

  expect(result).toMatchObject({ sent: 18, failed: 2 });
  expect(result.failures).toEqual([
    { email: 'user001@example.com', reason: expect.stringContaining('550 No such user') },
    { email: 'user002@example.com', reason: expect.stringContaining('450 Later') },
  ]);
});

test('of many refused addresses the first hundred are told', async ({ workshop }) => {
  await using server = await startMailServer(refusing(() => smtpError(550, 'x'.repeat(500))));
  await workshop.createUsers(addresses(230));

  const { result } = await workshop.run(sendNewsletter, letter, to(server));

  expect(result).toMatchObject({ sent: 0, failed: 230 });
  expect(result.failures).toHaveLength(100);
  expect(result.failures[0].reason).toHaveLength(200);
});

test('when the mail server goes away the next attempt goes on, and nobody is mailed twice', async ({ workshop }) => {
  let isAway = true;
  await using server = await startMailServer({
    onMailFrom: (_address, _session, done) =>
      done(isAway && server.mails.length >= 125 ? smtpError(550, 'Closed') : null),
  });
  const users = addresses(250);
  await workshop.createUsers(users);
  const taskId = await workshop.enqueue(sendNewsletter, letter);

  const first = await workshop.attempt(sendNewsletter, taskId, to(server));
  const second = await workshop.attempt(sendNewsletter, taskId, to(server));
  isAway = false;
  const third = await workshop.attempt(sendNewsletter, taskId, to(server));

  expect(first.error).toMatchObject({ code: 'MAIL_REFUSED' });
  expect(second.error).toMatchObject({ code: 'MAIL_REFUSED' });
  expect(third.result).toEqual({ sent: 250, failed: 0, failures: [] });
  expect(recipients(server)).toEqual(users.map(({ email }) => email));
});

test('a mail server that is not there fails the attempt', async ({ workshop }) => {
  const server = await startMailServer();
  await server[Symbol.asyncDispose]();
  await workshop.createUsers(addresses(3));

  const { error } = await workshop.run(sendNewsletter, letter, to(server));

  expect(error).toMatchObject({ code: 'CONNECTION' });
});

test('a cancelled newsletter stops and says why', async ({ workshop }) => {
  await using server = await startMailServer();
  await workshop.createUsers(addresses(250));
  const controller = new AbortController();
  const reason = new TaskCancelled('a mistake in it');

  const { error } = await workshop.run(sendNewsletter, letter, {
    ...to(server),
    signal: controller.signal,
    onProgress: ({ current }) => current === 100 && controller.abort(reason),
  });

  expect(error).toBe(reason);
  expect(server.mails).toHaveLength(100);
});
