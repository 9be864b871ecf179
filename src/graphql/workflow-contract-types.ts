import type { InputObjectRef } from '@pothos/core';
import type { WorkflowContract } from '../core/define-workflow.ts';
import { enqueueDefinedWorkflow } from '../operations/enqueue-defined-workflow.ts';
import type { Builder } from './builder.ts';
import { NO_WORKFLOW, workflowOf } from './enqueued-workflow.ts';
import { withUserErrors } from './errors.ts';
import { pascalCase } from './graphql-names.ts';
import { addInputType, type JsonObject } from './shape-types.ts';
import { toPayload } from './typed-input.ts';
import { type ObjectShape, objectShapeOf } from './zod-to-graphql.ts';

type Types = Builder['$inferSchemaTypes'];

/**
 * Adds what a defined workflow needs in the schema. For `csv-report`: the input type CsvReportWorkflowInput and the mutation
 * enqueueCsvReportWorkflow.
 */
export function addWorkflowContractTypes(builder: Builder, contract: WorkflowContract): void {
  const pascal = `${pascalCase(contract.name)}Workflow`;
  const shape = objectShapeOf(contract.input, 'input');
  if (shape) {
    const input = addInputType(builder, shape, `${pascal}Input`, `The input of ${contract.name}.`);
    addTypedMutation(builder, contract, { mutation: `enqueue${pascal}`, shape, input });
  } else {
    addJsonMutation(builder, contract, `enqueue${pascal}`);
  }
}

interface TypedMutation {
  mutation: string;
  shape: ObjectShape;
  input: InputObjectRef<Types, JsonObject>;
}

function addTypedMutation(
  builder: Builder,
  { name, description }: WorkflowContract,
  { mutation, shape, input }: TypedMutation,
): void {
  builder.mutationField(mutation, (t) =>
    t.field({
      type: 'WorkflowPayload',
      description,
      args: {
        input: t.arg({ type: input, required: true, description: 'What it is made of.' }),
        idempotencyKey: keyArg(t),
      },
      resolve: (_root, args, context) => enqueue(context, { ...args, name, input: toPayload(shape, args.input) }),
    }),
  );
}

/** For inputs that GraphQL has no type for. */
function addJsonMutation(builder: Builder, { name, description }: WorkflowContract, mutation: string): void {
  builder.mutationField(mutation, (t) =>
    t.field({
      type: 'WorkflowPayload',
      description,
      args: {
        input: t.arg({ type: 'JSON', description: 'What it is made of; {} when left out.' }),
        idempotencyKey: keyArg(t),
      },
      resolve: (_root, args, context) => enqueue(context, { ...args, name }),
    }),
  );
}

function keyArg(t: PothosSchemaTypes.MutationFieldBuilder<Types, Types['Root']>) {
  return t.arg.string({
    description: 'The same key gives the same workflow, however often it is sent; 1 to 200 characters.',
  });
}

interface Enqueue {
  name: string;
  input?: unknown;
  idempotencyKey?: string | null | undefined;
}

function enqueue({ resources, owner }: Types['Context'], { name, input, idempotencyKey }: Enqueue) {
  return withUserErrors(NO_WORKFLOW, async () =>
    workflowOf(resources, await enqueueDefinedWorkflow(resources, { name, input, idempotencyKey, owner })),
  );
}
