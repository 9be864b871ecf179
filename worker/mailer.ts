import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTransport, type NodemailerError, type SendMailOptions } from 'nodemailer';
import { z } from 'zod';
import { ConnectionError, FailPermanently, TaskwireError, TimeoutError } from '../src/core/errors.ts';
import { newId } from '../src/core/ids.ts';

/** A mail to one recipient. */
export interface Mail {
  /** One bare address. */
  to: string;
  subject: string;
  html: string;
  text: string;
  /**
   * The part of its Message-ID before the `@`, letters, digits, `.`, `_` and `-` only; default a new id. Sending a mail
   * again with the same one makes it recognisable as the same mail.
   */
  messageId?: string;
  /** Gives the sending up; `send` rejects with its reason. */
  signal?: AbortSignal;
}

/** Sends mails. */
export interface Mailer {
  /**
   * Resolves with the address of the recipient when the mail server has accepted the mail.
   *
   * Rejects with a `ConnectionError` (CONNECTION) or `TimeoutError` (TIMEOUT) when the server can't be reached, with
   * `FailPermanently` (RECIPIENT_REJECTED) when it refuses the recipient for good, and with MAIL_REFUSED when it refuses
   * anything else, e.g. the login or the sender, which its operator may mend.
   */
  send(mail: Mail): Promise<{ recipient: string }>;
  close(): Promise<void>;
}

export interface MailerOptions {
  /** `smtp:` or `smtps:`, with user and password where needed; without it mails become files in `outboxDir`. */
  smtpUrl: string | undefined;
  /** Made when the first mail is written. */
  outboxDir: string;
  /** The sender, e.g. `Taskwire <taskwire@example.com>`. */
  from: string;
  /** How long the server may take for each step, in milliseconds; default 10 s. */
  timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
const SERVICE = 'the mail server';
const BAD_CONNECTION_CODES = new Set(['ECONNECTION', 'ESOCKET', 'EDNS', 'ETLS']);

/** Opens a mailer; it connects when it sends, each mail on a connection of its own. */
export function openMailer({ smtpUrl, outboxDir, from, timeoutMs = TIMEOUT_MS }: MailerOptions): Mailer {
  const deliver = smtpUrl === undefined ? outboxDelivery(outboxDir) : smtpDelivery(smtpUrl, timeoutMs);
  const domain = /@([\w.-]+)/.exec(from)?.[1] ?? 'localhost';
  return {
    async send({ to, subject, html, text, messageId = newId(), signal }) {
      requireAddress(to);
      signal?.throwIfAborted();
      const message = {
        from,
        to: { name: '', address: to }, // an object is one address, whatever characters it has
        subject: subject.replace(/\p{Cc}+/gu, ' '),
        html,
        text,
        messageId: `<${messageId.replace(/[^\w.-]/g, '_')}@${domain}>`,
        ...(signal && { signal }),
      };
      await deliver.send(message);
      return { recipient: to };
    },
    close: async () => deliver.close(),
  };
}

function requireAddress(to: string): void {
  if (z.email().safeParse(to).success) return;
  throw new FailPermanently(
    'RECIPIENT_REJECTED',
    `expected one email address as the recipient, got: ${JSON.stringify(to)}`,
  );
}

interface Delivery {
  send(message: Message): Promise<void>;
  close(): void;
}

type Message = SendMailOptions & { messageId: string };

/** Contents come as text only: a mail reads no file and fetches no URL. */
const CLOSED = { disableFileAccess: true, disableUrlAccess: true };

function smtpDelivery(url: string, timeoutMs: number): Delivery {
  const transport = createTransport({
    url,
    dnsTimeout: timeoutMs,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    ...CLOSED,
  });
  return {
    async send(message) {
      try {
        await transport.sendMail(message);
      } catch (error) {
        message.signal?.throwIfAborted();
        throw toTaskwireError(error as NodemailerError);
      }
    },
    close: () => transport.close(),
  };
}

function toTaskwireError(error: NodemailerError): TaskwireError {
  const { code = '', originalCode, command, permanent, message } = error;
  if (code === 'ETIMEDOUT' || originalCode === 'ETIMEDOUT') return new TimeoutError(SERVICE, error);
  if (command === 'RCPT TO' && permanent) {
    return new FailPermanently('RECIPIENT_REJECTED', `${SERVICE} refused the recipient: ${message}`, { cause: error });
  }
  if (BAD_CONNECTION_CODES.has(code)) return new ConnectionError(SERVICE, error);
  return new TaskwireError('MAIL_REFUSED', `${SERVICE} refused the mail: ${message}`, { cause: error });
}

function outboxDelivery(folder: string): Delivery {
  const transport = createTransport({ streamTransport: true, buffer: true, newline: 'windows', ...CLOSED });
  return {
    async send(message) {
      const { message: content } = await transport.sendMail(message);
      await mkdir(folder, { recursive: true });
      await writeWhole(join(folder, fileNameOf(message.messageId)), content as Buffer);
    },
    close: () => transport.close(),
  };
}

/** E.g. `2026-11-22T10-15-30.123Z-0193….eml`: sorted by time, found by the id of the task. */
function fileNameOf(messageId: string): string {
  const time = new Date().toISOString().replaceAll(':', '-');
  return `${time}-${messageId.slice(1, messageId.indexOf('@'))}.eml`;
}

/** Whoever watches the folder sees whole mails only. */
async function writeWhole(path: string, content: Buffer): Promise<void> {
  const unfinished = `${path}.${newId()}.tmp`;
  try {
    await writeFile(unfinished, content);
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}
