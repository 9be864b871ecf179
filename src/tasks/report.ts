import { z } from 'zod';
import { defineTask } from '../core/define-task.ts';

export const generateReport = defineTask({
  name: 'generate-report',
  description: 'Writes a report as CSV or PDF and stores it as a file; when its time is short, a partial one.',
  queue: 'report',
  isolation: 'process',
  limits: { softSeconds: 240, hardSeconds: 300 },
  retry: [{ on: ['HARD_TIME_LIMIT'], fail: true }, { on: '*' }],
  input: z
    .object({
      kind: z
        .enum(['user-activity', 'task-throughput', 'data-analysis'])
        .describe('What it is about: users and their logins, tasks by day and name, or the columns of a CSV.'),
      format: z.enum(['csv', 'pdf']).describe('CSV holds the table, PDF a chart too.'),
      from: z.iso
        .datetime()
        .optional()
        .describe('Only users active, or tasks enqueued, at this time or later; all when left out.'),
      to: z.iso.datetime().optional().describe('Only users active, or tasks enqueued, before this time.'),
      analysisId: z
        .uuid()
        .optional()
        .describe('The id that analyze-data gave: for data-analysis, which must have it, and for nothing else.'),
    })
    .refine(({ from, to }) => from === undefined || to === undefined || Date.parse(from) < Date.parse(to), {
      error: 'expected the end of the period to be later than its beginning',
      path: ['to'],
    })
    .refine(({ kind, analysisId }) => kind !== 'data-analysis' || analysisId !== undefined, {
      error: 'expected the id of an analysis, as the kind is data-analysis',
      path: ['analysisId'],
    })
    .refine(({ kind, analysisId }) => kind === 'data-analysis' || analysisId === undefined, {
      error: 'expected no id of an analysis, as the kind is not data-analysis',
      path: ['analysisId'],
    })
    .refine(({ kind, from }) => kind !== 'data-analysis' || from === undefined, {
      error: 'expected no period, as the kind is data-analysis',
      path: ['from'],
    })
    .refine(({ kind, to }) => kind !== 'data-analysis' || to === undefined, {
      error: 'expected no period, as the kind is data-analysis',
      path: ['to'],
    }),
  output: z.object({
    fileId: z.uuid().describe('The report; `file(id:)` gives a link to it.'),
    rows: z.int().describe('Rows of its table.'),
    partial: z.boolean().describe('Whether it ended before all rows were in it.'),
    note: z.string().optional().describe('Why it is partial.'),
    summary: z
      .string()
      .min(1)
      .max(1000)
      .describe('What the report is and how much is in it, in a sentence that send-notification takes as its message.'),
  }),
});
