import { join } from 'node:path';
import { Eta } from 'eta';
import type { sendWelcomeEmail as contract } from '../../src/tasks/email.ts';
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
