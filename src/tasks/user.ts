import { z } from 'zod';
import { defineDatabaseTask } from '../core/define-task.ts';

export const updateUserStats = defineDatabaseTask({
  name: 'update-user-stats',
  description: 'Counts a login of a user and notes when the user was last active.',
  queue: 'user',
  input: z.object({ userId: z.int32().positive().describe('The id of the user.') }),
  output: z.object({
    userId: z.int32().describe('The id of the user.'),
    loginCount: z.int32().describe('Logins so far, this one included.'),
    updatedAt: z.iso.datetime().describe('When the login was counted.'),
  }),
});

export const createUserProfile = defineDatabaseTask({
  name: 'create-user-profile',
  description: 'Gives a user a profile, unless there is one.',
  queue: 'user',
  input: z.object({
    userId: z.int32().positive().describe('The id of the user.'),
    displayName: z.string().trim().min(1).max(200).describe('The name that others see.'),
    bio: z.string().trim().max(2000).optional().describe('What the user says about themselves.'),
  }),
  output: z.object({
    status: z.enum(['created', 'already_exists']).describe('An existing profile is left as it is.'),
    userId: z.int32().describe('The id of the user.'),
  }),
});
