import { z } from 'zod';
import { defineTask } from '../core/define-task.ts';

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
