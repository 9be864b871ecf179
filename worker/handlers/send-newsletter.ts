import { join } from 'node:path';
import type { FilterQuery } from '@mikro-orm/core';
import { Eta } from 'eta';
import type { Payload, Result } from '../../src/core/define-task.ts';
import { messageOf, TaskwireError } from '../../src/core/errors.ts';
import { User, type UserRow } from '../../src/db/entities/user.ts';
import type { sendNewsletter as contract } from '../../src/tasks/email.ts';
import type { Mail } from '../mailer.ts';
import type { TaskContext, TaskHandler } from '../task-handler.ts';
import { openMarkdown } from './markdown.ts';

/** Users of a step. */
const BATCH_SIZE = 100;
/** Mails that are sent at the same time. */
const CONCURRENCY = 10;
const FAILURES_MAX = 100;
const REASON_MAX = 200;

const templates = new Eta({ views: join(import.meta.dirname, 'templates'), cache: true });

type Failures = Result<typeof contract>['failures'];
type Recipient = Pick<UserRow, 'id' | 'email'>;
type Letter = Pick<Mail, 'subject' | 'html' | 'text'>;

/** How far a newsletter is. */
interface Course {
  sent: number;
  failed: number;
  /** The first 100. */
  failures: Failures;
  /** Users up to this one have been seen to, */
  lastId: number;
  /** except these, because the mail server went away. */
  left: number[];
}

/**
 * Mails a newsletter to the users that there are when it begins, in steps of 100: an attempt after a failure goes on behind
 * the last finished step. Users of a step that a lost worker had begun get their mail again, with the same Message-ID.
 *
 * An address that the mail server refuses is noted and does not stop the others. Throws what {@link Mailer.send} throws when
 * it is not the address that is at fault.
 */
export const sendNewsletter: TaskHandler<typeof contract> = async (payload, context) => {
  const { signal, step, progress } = context;
  const letter = toLetter(payload);
  const whom = toFilter(payload.filter);
  const { total, maxId } = await step('recipients', () => countRecipients(context, whom));
  const course: Course = { sent: 0, failed: 0, failures: [], lastId: 0, left: [] };
  progress(0, total);
  for (let number = 1; course.lastId < maxId || course.left.length > 0; number += 1) {
    signal.throwIfAborted();
    const find = () => findBatch(context, whom, course, maxId);
    advance(course, await step(`batch-${number}`, async () => sendBatch(context, letter, await find())));
    progress(course.sent + course.failed, total);
  }
  const { sent, failed, failures } = course;
  return { sent, failed, failures };
};

function toLetter({ subject, body }: Payload<typeof contract>): Letter {
  const html = openMarkdown({ breaks: true }).toHtml(body);
  return { subject, html: templates.render('newsletter.html.eta', { subject, body: html }), text: body };
}

function toFilter(filter: Payload<typeof contract>['filter']): FilterQuery<UserRow> {
  const { emailDomain, activeSince } = filter ?? {};
  return {
    ...(emailDomain !== undefined && { email: { $ilike: `%@${emailDomain}` } }),
    ...(activeSince !== undefined && { lastActivityAt: { $gte: new Date(activeSince) } }),
  };
}

/** Users who come later get the next newsletter. */
async function countRecipients(
  { resources }: TaskContext,
  whom: FilterQuery<UserRow>,
): Promise<{ total: number; maxId: number }> {
  const em = resources.orm.em.fork();
  const [last] = await em.find(User, whom, { orderBy: { id: 'desc' }, limit: 1 });
  return { total: await em.count(User, whom), maxId: last?.id ?? 0 };
}

interface Recipients {
  users: Recipient[];
  lastId: number;
}

async function findBatch(
  { resources }: TaskContext,
  whom: FilterQuery<UserRow>,
  { lastId, left }: Course,
  maxId: number,
): Promise<Recipients> {
  const em = resources.orm.em.fork();
  if (left.length > 0) return { users: await em.find(User, { id: left }, { orderBy: { id: 'asc' } }), lastId };
  const page: FilterQuery<UserRow> = { $and: [whom, { id: { $gt: lastId, $lte: maxId } }] };
  const users = await em.find(User, page, { orderBy: { id: 'asc' }, limit: BATCH_SIZE });
  return { users, lastId: users.length < BATCH_SIZE ? maxId : (users.at(-1)?.id ?? maxId) };
}

/** Stops when the mail server is away, and throws when it was so from the first mail on. */
async function sendBatch(context: TaskContext, letter: Letter, { users, lastId }: Recipients): Promise<Course> {
  const batch: Course = { sent: 0, failed: 0, failures: [], lastId, left: [] };
  for (let at = 0; at < users.length; at += CONCURRENCY) {
    const group = users.slice(at, at + CONCURRENCY);
    const outcomes = await Promise.all(group.map((user) => sendTo(context, letter, user)));
    const away = outcomes.find(({ kind }) => kind === 'away');
    count(batch, outcomes);
    if (!away) continue;
    if (batch.sent + batch.failed === 0) throw away.error;
    const unsent = outcomes.filter(({ kind }) => kind === 'away').map(({ user }) => user);
    batch.left = [...unsent, ...users.slice(at + CONCURRENCY)].map(({ id }) => id);
    return batch;
  }
  return batch;
}

interface Sending {
  kind: 'sent' | 'refused' | 'away';
  user: Recipient;
  error?: unknown;
}

async function sendTo({ taskId, signal, resources }: TaskContext, letter: Letter, user: Recipient): Promise<Sending> {
  try {
    await resources.mailer.send({ ...letter, to: user.email, messageId: `${taskId}-${user.id}`, signal });
    return { kind: 'sent', user };
  } catch (error) {
    return { kind: isOfAddress(error) ? 'refused' : 'away', user, error };
  }
}

/** Whether the mail server refused the recipient, or the mail to it, and not e.g. the login or the sender. */
function isOfAddress(error: unknown): boolean {
  if (!(error instanceof TaskwireError)) return false;
  if (error.code === 'RECIPIENT_REJECTED') return true;
  const cause = error.cause as { command?: string } | undefined;
  return error.code === 'MAIL_REFUSED' && (cause?.command === 'RCPT TO' || cause?.command === 'DATA');
}

function count(batch: Course, outcomes: readonly Sending[]): void {
  for (const { kind, user, error } of outcomes) {
    if (kind === 'sent') batch.sent += 1;
    if (kind !== 'refused') continue;
    batch.failed += 1;
    const reason = messageOf(error).slice(0, REASON_MAX).toWellFormed();
    if (batch.failures.length < FAILURES_MAX) batch.failures.push({ email: user.email, reason });
  }
}

function advance(course: Course, { sent, failed, failures, lastId, left }: Course): void {
  course.sent += sent;
  course.failed += failed;
  course.failures.push(...failures.slice(0, FAILURES_MAX - course.failures.length));
  course.lastId = lastId;
  course.left = left;
}
