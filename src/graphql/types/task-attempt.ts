import type { TaskStepRow } from '../../db/entities/task-step.ts';
import type { AttemptView } from '../../operations/list-attempts.ts';
import type { Builder } from '../builder.ts';

/** Adds TaskAttempt and TaskStep. */
export function addTaskAttempt(builder: Builder) {
  const attempt = builder.objectRef<AttemptView>('TaskAttempt').implement({
    description: 'One execution of the code of a task.',
    fields: (t) => ({
      number: t.exposeInt('number', { description: '1 for the first.' }),
      startedAt: t.expose('startedAt', { type: 'DateTime', description: 'When it began.' }),
      finishedAt: t.expose('finishedAt', {
        type: 'DateTime',
        nullable: true,
        description: 'When it ended; null while it runs.',
      }),
      worker: t.exposeString('worker', { nullable: true, description: 'The id of the worker that ran it.' }),
      error: t.expose('error', {
        type: 'TaskError',
        nullable: true,
        description: 'How it failed; null when it did not.',
      }),
    }),
  });
  const step = builder.objectRef<TaskStepRow>('TaskStep').implement({
    description: 'A piece of a task that is done and is not done again.',
    fields: (t) => ({
      key: t.exposeString('key', { description: 'Its name within the task.' }),
      attempt: t.exposeInt('attempt', { description: 'The attempt that did it.' }),
      at: t.expose('at', { type: 'DateTime', description: 'When it was committed.' }),
      value: t.expose('value', { type: 'JSON', nullable: true, description: 'What it returned.' }),
    }),
  });
  return { attempt, step };
}
