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
