import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { simpleParser } from 'mailparser';
import { expect, test } from 'vitest';
import { FailPermanently, TaskCancelled } from '../../../src/core/errors.ts';
import { newId } from '../../../src/core/ids.ts';
import { sendWelcomeEmail } from '../../../worker/handlers/email.ts';
import { type Mailer, openMailer } from '../../../worker/mailer.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { smtpError, startMailServer, startRawServer } from './mail-server.ts';
import { openContext } from './task-context.ts';

const ada = { email: 'ada@example.com', name: 'Ada' };

function openSmtpMailer(smtpUrl: string, timeoutMs = 5000): Mailer {
  return openMailer({ smtpUrl, outboxDir: '/nowhere', from: 'Taskwire <hello@taskwire.example>', timeoutMs });
}

/** Runs the task; answers what it rejected with. */
async function failureOf(mailer: Mailer, payload = ada): Promise<unknown> {
  return sendWelcomeEmail(payload, openContext({ resources: { mailer } })).then(
    () => expect.unreachable('expected the task to fail'),
    (error: unknown) => error,
  );
}

test('the mail server gets one mail with an HTML and a text part', async () => {
  await using server = await startMailServer();
  const context = openContext({ resources: { mailer: openSmtpMailer(server.url) } });

  const result = await sendWelcomeEmail(ada, context);

  expect(result).toEqual({ status: 'sent', recipient: 'ada@example.com', sentAt: expect.any(String) });
  expect(server.mails).toMatchObject([{ from: 'hello@taskwire.example', to: ['ada@example.com'] }]);
  const mail = await simpleParser(server.mails[0]!.content);
  expect(mail.from?.text).toBe('"Taskwire" <hello@taskwire.example>');
  expect(mail.subject).toBe('Welcome, Ada!');
  expect(mail.html).toContain('<h1 style="margin: 0 0 16px; font-size: 24px">Welcome, Ada!</h1>');
  expect(mail.text).toMatch(/^Welcome, Ada!\n\nYour account is ready/);
  expect(mail.messageId).toBe(`<${context.taskId}@taskwire.example>`);
});

test('a task that runs twice sends the same Message-ID twice', async () => {
  await using server = await startMailServer();
  const taskId = newId();

  for (const attempt of [1, 2]) {
    const mailer = openSmtpMailer(server.url);
    await sendWelcomeEmail(ada, openContext({ taskId, attempt, resources: { mailer } }));
  }

  const mails = await Promise.all(server.mails.map(({ content }) => simpleParser(content)));
  expect(mails.map(({ messageId }) => messageId)).toEqual(Array(2).fill(`<${taskId}@taskwire.example>`));
});

test('a name is escaped in the HTML part and stands as it is in the text part and the subject', async () => {
  await using server = await startMailServer();
  const name = `<b>Ada</b> & "Zoë" <%= 1 %>`;

  await sendWelcomeEmail({ ...ada, name }, openContext({ resources: { mailer: openSmtpMailer(server.url) } }));

  const mail = await simpleParser(server.mails[0]!.content);
  expect(mail.html).toContain('Welcome, &lt;b&gt;Ada&lt;/b&gt; &amp; &quot;Zoë&quot; &lt;%= 1 %&gt;!</h1>');
  expect(mail.html).not.toContain('<b>');
  expect(mail.text).toContain(`Welcome, ${name}!`);
  expect(mail.subject).toBe(`Welcome, ${name}!`);
});

test('a name with line breaks adds neither a header nor a line', async () => {
  await using server = await startMailServer();
  const name = 'Ada\r\nBcc: eve@example.com\r\n\r\nBuy this';

  await sendWelcomeEmail({ ...ada, name }, openContext({ resources: { mailer: openSmtpMailer(server.url) } }));

  expect(server.mails[0]?.to).toEqual(['ada@example.com']);
  const mail = await simpleParser(server.mails[0]!.content);
  expect(mail.bcc).toBeUndefined();
  expect(mail.subject).toBe('Welcome, Ada Bcc: eve@example.com Buy this!');
  expect(mail.text).toMatch(/^Welcome, Ada Bcc: eve@example.com Buy this!\n\nYour account/);
});

test('the mailer itself lets no line break into a header', async () => {
  await using server = await startMailServer();
  const mailer = openSmtpMailer(server.url);
  const evil = 'x>\r\nBcc: eve@example.com\r\n\r\nbody';

  await mailer.send({ to: ada.email, subject: evil, messageId: evil, html: '', text: '' });

  const mail = await simpleParser(server.mails[0]!.content);
  expect(mail.headerLines.map(({ key }) => key)).not.toContain('bcc');
  expect(mail.subject).toBe('x> Bcc: eve@example.com body');
  expect(mail.messageId).toBe('<x___Bcc__eve_example.com____body@taskwire.example>');
});

test.for(['ada@example.com, eve@example.com', 'ada@example.com\r\nBcc: eve@example.com', 'Ada <ada@example.com>', ''])(
  'the recipient %j is not one address and is refused for good',
  async (to) => {
    await using server = await startMailServer();

    const sending = openSmtpMailer(server.url).send({ to, subject: '', html: '', text: '' });

    await expect(sending).rejects.toThrow(FailPermanently);
    await expect(sending).rejects.toMatchObject({
      code: 'RECIPIENT_REJECTED',
      message: `expected one email address as the recipient, got: ${JSON.stringify(to)}`,
    });
    expect(server.mails).toEqual([]);
  },
);

test('a recipient that the server refuses with 550 fails the task for good', async () => {
  await using server = await startMailServer({ onRcptTo: (_, __, done) => done(smtpError(550, 'No such user')) });

  const error = await failureOf(openSmtpMailer(server.url));

  expect(error).toBeInstanceOf(FailPermanently);
  expect(error).toMatchObject({ code: 'RECIPIENT_REJECTED', message: expect.stringContaining('550 No such user') });
});

test('a recipient that the server refuses for now is tried again', async () => {
  await using server = await startMailServer({ onRcptTo: (_, __, done) => done(smtpError(450, 'Greylisted')) });

  const error = await failureOf(openSmtpMailer(server.url));

  expect(error).not.toBeInstanceOf(FailPermanently);
  expect(error).toMatchObject({ code: 'MAIL_REFUSED', message: expect.stringContaining('450 Greylisted') });
});

test('a sender that the server refuses is tried again, because its operator may mend that', async () => {
  await using server = await startMailServer({ onMailFrom: (_, __, done) => done(smtpError(550, 'Unknown sender')) });

  const error = await failureOf(openSmtpMailer(server.url));

  expect(error).not.toBeInstanceOf(FailPermanently);
  expect(error).toMatchObject({ code: 'MAIL_REFUSED' });
});

test('a mail server that refuses connections is a CONNECTION error', async () => {
  const server = await startMailServer();
  await server[Symbol.asyncDispose]();

  const error = await failureOf(openSmtpMailer(server.url));

  expect(error).not.toBeInstanceOf(FailPermanently);
  expect(error).toMatchObject({
    code: 'CONNECTION',
    message: expect.stringMatching(/^could not reach the mail server: .*ECONNREFUSED/),
  });
});

test('a mail server that cuts the connection is a CONNECTION error', async () => {
  await using server = await startRawServer((socket) => socket.write('220 hello\r\n', () => socket.resetAndDestroy()));

  expect(await failureOf(openSmtpMailer(server.url))).toMatchObject({ code: 'CONNECTION' });
});

test('a mail server whose name is not known is a CONNECTION error', async () => {
  expect(await failureOf(openSmtpMailer('smtp://no-such-host.invalid'))).toMatchObject({ code: 'CONNECTION' });
});

test('a mail server that does not greet is a TIMEOUT error', async () => {
  await using server = await startRawServer(() => undefined);

  const error = await failureOf(openSmtpMailer(server.url, 50));

  expect(error).toMatchObject({
    code: 'TIMEOUT',
    message: expect.stringMatching(/^the mail server did not answer in time: /),
  });
});

test('a mail server that falls silent after its greeting is a TIMEOUT error', async () => {
  await using server = await startRawServer((socket) => socket.write('220 hello\r\n'));

  expect(await failureOf(openSmtpMailer(server.url, 50))).toMatchObject({ code: 'TIMEOUT' });
});

test('a cancelled task gives a silent mail server up and says why', async () => {
  const controller = new AbortController();
  const reason = new TaskCancelled('no longer wanted');
  await using server = await startRawServer(() => controller.abort(reason));
  const mailer = openSmtpMailer(server.url);

  const running = sendWelcomeEmail(ada, openContext({ signal: controller.signal, resources: { mailer } }));

  await expect(running).rejects.toBe(reason);
});

test('without a mail server mails become files in the outbox', async () => {
  await using folder = await temporaryFolder();
  const outboxDir = join(folder.path, 'data', 'outbox');
  const mailer = openMailer({ smtpUrl: undefined, outboxDir, from: 'taskwire@localhost' });
  const context = openContext({ resources: { mailer } });

  const result = await sendWelcomeEmail(ada, context);

  expect(result).toMatchObject({ status: 'sent', recipient: 'ada@example.com' });
  const [name, ...others] = await readdir(outboxDir);
  expect(others).toEqual([]);
  expect(name).toMatch(new RegExp(String.raw`^\d{4}-\d\d-\d\dT[\d.-]+Z-${context.taskId}\.eml$`));
  const mail = await simpleParser(await readFile(join(outboxDir, name!)));
  expect(mail.subject).toBe('Welcome, Ada!');
  expect(mail.messageId).toBe(`<${context.taskId}@localhost>`);
  expect(mail.html).toContain('Welcome, Ada!');
  await mailer.close();
});
