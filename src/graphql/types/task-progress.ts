import type { Builder } from '../builder.ts';

/** Adds TaskProgress: how far a task is. */
export function addTaskProgress(builder: Builder): void {
  builder.objectType('TaskProgress', {
    description: 'How far a task is, in its own unit: lines, steps, rows.',
    fields: (t) => ({
      current: t.exposeFloat('current', { description: 'What is done.' }),
      total: t.exposeFloat('total', { nullable: true, description: 'What there is to do; null when that is unknown.' }),
      percent: t.exposeFloat('percent', { nullable: true, description: '0 to 100; null without a total.' }),
      message: t.exposeString('message', { nullable: true, description: 'What the task says about it.' }),
      ratePerSecond: t.exposeFloat('ratePerSecond', {
        nullable: true,
        description: 'Units a second since the first report of the attempt; null until there are two reports.',
      }),
      etaSeconds: t.exposeFloat('etaSeconds', {
        nullable: true,
        description: 'Seconds that are left at this rate; null without a total or a rate.',
      }),
      at: t.expose('at', { type: 'DateTime', description: 'When it was reported.' }),
    }),
  });
}
