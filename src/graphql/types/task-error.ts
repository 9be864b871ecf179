import type { Builder } from '../builder.ts';

/** Adds TaskError: how an attempt or a task failed. */
export function addTaskError(builder: Builder): void {
  builder.objectType('TaskError', {
    description: 'How an attempt or a task failed.',
    fields: (t) => ({
      code: t.exposeString('code', { description: 'In SCREAMING_SNAKE, e.g. USER_NOT_FOUND.' }),
      message: t.exposeString('message', { description: 'What went wrong.' }),
      retryable: t.exposeBoolean('retryable', { description: 'Whether another attempt could end differently.' }),
    }),
  });
}
