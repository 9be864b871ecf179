import type { Builder } from '../builder.ts';

/** Adds UserError: what the caller of a mutation can mend. */
export function addUserError(builder: Builder): void {
  builder.objectType('UserError', {
    description: 'What is wrong with the input of a mutation.',
    fields: (t) => ({
      code: t.exposeString('code', { description: 'For programs, in SCREAMING_SNAKE, e.g. PAYLOAD_INVALID.' }),
      message: t.exposeString('message', { description: 'For people.' }),
      path: t.exposeStringList('path', {
        description:
          'Where in the input it is, from the outside in, e.g. ["address", "0", "city"]. That of a payload begins within the payload, that of options with "options".',
      }),
    }),
  });
}
