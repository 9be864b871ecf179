import { defineSchedule } from '../core/define-schedule.ts';
import type { ScheduleDefinition } from '../core/schedule.ts';
import { cleanupOldFiles, pruneTaskHistory } from './cleanup.ts';

/** The declared schedules. A worker that starts brings Postgres in line with this list: what is not in it any more goes. */
export const schedules: readonly ScheduleDefinition[] = [
  defineSchedule({
    key: 'cleanup-old-files',
    task: cleanupOldFiles,
    cron: '0 2 * * *',
    payload: { olderThanDays: 90 }, // as long as the longest history: what can be run again finds its files
    overlap: 'SKIP',
  }),
  defineSchedule({ key: 'prune-task-history', task: pruneTaskHistory, cron: '@hourly', payload: {}, overlap: 'SKIP' }),
];
