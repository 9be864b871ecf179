import { join } from 'node:path';
import { Eta } from 'eta';
import { FailPermanently } from '../../src/core/errors.ts';
import { User } from '../../src/db/entities/user.ts';
import type { sendNotification as notificationContract, sendWelcomeEmail as contract } from '../../src/tasks/email.ts';
import type { TaskHandler } from '../task-handler.ts';

const templates = new Eta({ views: join(import.meta.dirname, 'templates'), cache: true });

/**
 * Sends the welcome mail as HTML and plain text. A task that runs again, because its worker was lost after the mail had
 * gone, sends it with the same Message-ID, by which mail servers and programs recognise it.
 *
 * Throws what {@link Mailer.send} throws.
 */
export const sendWelcomeEmail: TaskHandler<typeof contract> = async (
  { email, name },
  { taskId, signal, resources },
) => {
  const greeted = { name: onOneLine(name) };
  const { recipient } = await resources.mailer.send({
    to: email,
    subject: `Welcome, ${greeted.name}!`,
    html: templates.render('welcome.html.eta', greeted),
    text: templates.render('welcome.txt.eta', greeted),
    messageId: taskId,
    signal,
  });
  return { status: 'sent', recipient, sentAt: new Date().toISOString() };
};

/** A name is one line: what breaks lines could pass for a paragraph of ours. */
function onOneLine(name: string): string {
  return name.replace(/[\s\p{Cc}]+/gu, ' ').trim();
}

/**
 * Mails a message to a user; a task that runs again sends it with the same Message-ID. Fails for good with USER_NOT_FOUND,
 * and throws what {@link Mailer.send} throws.
 */
export const sendNotification: TaskHandler<typeof notificationContract> = async (
  { userId, message },
  { taskId, signal, resources },
) => {
  const user = await resources.orm.em.fork().findOne(User, { id: userId });
  if (!user) throw new FailPermanently('USER_NOT_FOUND', `there is no user with the id ${userId}`);
  const shown = { name: onOneLine(user.name), message };
  const { recipient } = await resources.mailer.send({
    to: user.email,
    subject: 'A message for you',
    html: templates.render('notification.html.eta', shown),
    text: templates.render('notification.txt.eta', shown),
    messageId: taskId,
    signal,
  });
  return { status: 'sent', recipient, sentAt: new Date().toISOString() };
};
