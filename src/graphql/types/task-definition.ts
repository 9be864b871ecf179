import type { TaskCatalog } from '../../tasks/catalog.ts';
import type { Builder } from '../builder.ts';
import { toJsonSchema } from '../json-schema.ts';

/** Adds TaskDefinition and the query `taskDefinitions`. */
export function addTaskDefinition(builder: Builder, catalog: TaskCatalog): void {
  builder.objectType('TaskDefinition', {
    description: 'A kind of task that can be enqueued.',
    fields: (t) => ({
      name: t.exposeString('name', { description: 'What `enqueueTask` names it by.' }),
      description: t.exposeString('description', { description: 'What it does.' }),
      queue: t.exposeString('queue', { description: 'The queue of its tasks unless their options say otherwise.' }),
      priority: t.exposeInt('priority', {
        description: 'The priority of its tasks unless their options say otherwise.',
      }),
      maxAttempts: t.exposeInt('attempts', {
        description: 'The attempts of its tasks unless their options say otherwise.',
      }),
      inputSchema: t.field({
        type: 'JSON',
        description: 'JSON Schema of the payload.',
        resolve: ({ input }) => toJsonSchema(input, 'input'),
      }),
      outputSchema: t.field({
        type: 'JSON',
        description: 'JSON Schema of the result.',
        resolve: ({ output }) => toJsonSchema(output, 'output'),
      }),
    }),
  });
  builder.queryField('taskDefinitions', (t) =>
    t.field({
      type: ['TaskDefinition'],
      description: 'The kinds of task that this deployment offers.',
      resolve: () => catalog.contracts,
    }),
  );
}
