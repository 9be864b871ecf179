import type { WorkflowCatalog } from '../../tasks/workflow-catalog.ts';
import type { Builder } from '../builder.ts';
import { toJsonSchema } from '../json-schema.ts';

/** Adds WorkflowDefinition and the query `workflowDefinitions`. */
export function addWorkflowDefinition(builder: Builder, workflows: WorkflowCatalog): void {
  builder.objectType('WorkflowDefinition', {
    description: 'A workflow that has a mutation of its own.',
    fields: (t) => ({
      name: t.exposeString('name', { description: 'The name of its workflows.' }),
      description: t.exposeString('description', { description: 'What it does.' }),
      inputSchema: t.field({
        type: 'JSON',
        description: 'JSON Schema of the input.',
        resolve: ({ input }) => toJsonSchema(input, 'input'),
      }),
    }),
  });
  builder.queryField('workflowDefinitions', (t) =>
    t.field({
      type: ['WorkflowDefinition'],
      description: 'The workflows that this deployment has defined.',
      resolve: () => workflows.contracts,
    }),
  );
}
