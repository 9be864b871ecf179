import { z } from 'zod';
import { defineTask } from '../core/define-task.ts';
import type { RetryPolicy } from '../core/retry-policy.ts';

/** A mail server that is away comes back: 1 s, 2 s, 4 s … 64 s. */
const MAIL_RETRY: RetryPolicy = [{ on: ['CONNECTION', 'TIMEOUT'], maxAttempts: 8 }, { on: '*' }];

export const sendWelcomeEmail = defineTask({
  name: 'send-welcome-email',
  description: 'Sends the welcome email to a new user.',
  queue: 'email',
  attempts: 5,
  input: z.object({
    email: z.email().max(254).describe('The address of the recipient.'),
    name: z.string().trim().min(1).max(200).describe('The name that greets the recipient.'),
  }),
  output: z.object({
    status: z.literal('sent').describe('Always "sent": a failure is an error of the task.'),
    recipient: z.string().describe('The address that the mail server accepted.'),
    sentAt: z.iso.datetime().describe('When the mail server accepted it.'),
  }),
});

export const sendNotification = defineTask({
  name: 'send-notification',
  description: 'Mails a message to a user.',
  queue: 'email',
  attempts: 5,
  retry: MAIL_RETRY,
  limits: { hardSeconds: 120 },
  isolation: 'inline',
  input: z.object({
    userId: z.int32().positive().describe('The id of the user.'),
    message: z.string().min(1).max(1000).describe('The message, as plain text.'),
  }),
  output: z.object({
    status: z.literal('sent').describe('Always "sent": a failure is an error of the task.'),
    recipient: z.string().describe('The address that the mail server accepted.'),
    sentAt: z.iso.datetime().describe('When the mail server accepted it.'),
  }),
});

const DOMAIN = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i;

export const sendNewsletter = defineTask({
  name: 'send-newsletter',
  description: 'Mails a newsletter to all users, or to those that a filter lets through.',
  queue: 'email',
  priority: 7,
  attempts: 10,
  retry: MAIL_RETRY,
  limits: { hardSeconds: 24 * 3600 },
  isolation: 'inline',
  input: z.object({
    subject: z.string().trim().min(1).max(200).describe('The subject.'),
    body: z.string().min(1).max(100_000).describe('The body, as plain text or Markdown.'),
    filter: z
      .object({
        emailDomain: z
          .string()
          .regex(DOMAIN, 'expected a domain, e.g. example.com')
          .optional()
          .describe('Only addresses of this domain, e.g. example.com.'),
        activeSince: z.iso
          .datetime({ offset: true })
          .optional()
          .describe('Only users who were active at this time or later.'),
      })
      .optional()
      .describe('Who gets it; everybody when left out.'),
  }),
  output: z.object({
    sent: z.int().describe('Mails that the mail server accepted.'),
    failed: z.int().describe('Addresses to which no mail could be sent.'),
    failures: z
      .array(
        z.object({
          email: z.string().describe('The address.'),
          reason: z.string().describe('What the mail server said, at most 200 characters.'),
        }),
      )
      .describe('The first 100 of them.'),
  }),
});
