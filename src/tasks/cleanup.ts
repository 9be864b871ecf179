import { z } from 'zod';
import { defineTask } from '../core/define-task.ts';

const DAYS_MAX = 36_500;

export const cleanupOldFiles = defineTask({
  name: 'cleanup-old-files',
  description: 'Deletes stored files of a certain age that no open task names, and what crashes have left behind.',
  queue: 'maintenance',
  priority: 9,
  input: z.object({
    olderThanDays: z.number().min(0).max(DAYS_MAX).describe('Files are deleted when they are so old, in days.'),
    dryRun: z.boolean().default(false).describe('Whether to delete nothing and only count what would be deleted.'),
  }),
  output: z.object({
    deleted: z.int().describe('Files that were deleted.'),
    bytes: z.number().describe('How much room they took.'),
  }),
});

export const pruneTaskHistory = defineTask({
  name: 'prune-task-history',
  description:
    'Deletes ended tasks and workflows of a certain age with all that is known of them; a step goes with its workflow.',
  queue: 'maintenance',
  priority: 9,
  input: z.object({
    successDays: z
      .number()
      .min(0)
      .max(DAYS_MAX)
      .default(30)
      .describe('How long tasks and workflows are kept after SUCCESS, in days.'),
    failureDays: z
      .number()
      .min(0)
      .max(DAYS_MAX)
      .default(90)
      .describe('How long tasks and workflows are kept after FAILURE, in days.'),
    revokedDays: z
      .number()
      .min(0)
      .max(DAYS_MAX)
      .default(30)
      .describe('How long tasks and workflows are kept after REVOKED, in days.'),
  }),
  output: z.object({
    deleted: z.int().describe('Tasks that were deleted.'),
    workflows: z.int().describe('Workflows that were deleted, with the tasks of their steps.'),
  }),
});

export const archiveTaskHistory = defineTask({
  name: 'archive-task-history',
  description: 'Writes ended tasks of a certain age with their events into a file, and deletes them if that is wished.',
  queue: 'maintenance',
  priority: 9,
  isolation: 'process',
  input: z.object({
    olderThanDays: z.number().min(0).max(DAYS_MAX).describe('Tasks are archived when they ended so long ago, in days.'),
    delete: z
      .boolean()
      .default(false)
      .describe(
        'Whether to delete what is archived, once the file is stored; steps stay until their workflow is pruned.',
      ),
  }),
  output: z.object({
    fileId: z.uuid().describe('The archive: JSON, a line for each task and for each event, compressed by gzip.'),
    tasks: z.int().describe('Tasks in the archive.'),
  }),
});
