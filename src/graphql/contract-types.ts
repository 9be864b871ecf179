import type { InputObjectRef, ObjectRef } from '@pothos/core';
import type { TaskContract } from '../core/define-task.ts';
import type { TaskRow } from '../db/entities/task.ts';
import { enqueueTask } from '../operations/enqueue-task.ts';
import type { Builder, EnqueueOptionsInput, EnqueuePayload } from './builder.ts';
import { NOT_ENQUEUED, taskOf } from './enqueued.ts';
import { withUserErrors } from './errors.ts';
import { pascalCase, taskTypeName } from './graphql-names.ts';
import { addInputType, addOutputType, type JsonObject } from './shape-types.ts';
import { toPayload } from './typed-input.ts';
import { type ObjectShape, objectShapeOf } from './zod-to-graphql.ts';

type Types = Builder['$inferSchemaTypes'];

/**
 * Adds what a contract needs in the schema. For `send-welcome-email`: the input type SendWelcomeEmailInput, the mutation
 * enqueueSendWelcomeEmail, and the types EnqueueSendWelcomeEmailPayload, SendWelcomeEmailTask and SendWelcomeEmailOutput.
 */
export function addContractTypes(builder: Builder, contract: TaskContract): void {
  const pascal = pascalCase(contract.name);
  const task = addTaskType(builder, contract, pascal);
  const payload = addPayloadType(builder, contract, pascal, task);
  const shape = objectShapeOf(contract.input, 'input');
  if (shape) {
    const input = addInputType(builder, shape, `${pascal}Input`, `The payload of ${contract.name}.`);
    addTypedMutation(builder, contract, { shape, input, payload });
  } else {
    addJsonMutation(builder, contract, payload);
  }
}

type PayloadRef = ObjectRef<Types, EnqueuePayload>;

function addTaskType(
  builder: Builder,
  { name, description, output }: TaskContract,
  pascal: string,
): ObjectRef<Types, TaskRow> {
  const shape = objectShapeOf(output, 'output');
  const type = shape ? addOutputType(builder, shape, `${pascal}Output`, `The result of ${name}.`) : 'JSON';
  return builder.objectType(builder.objectRef<TaskRow>(taskTypeName(name)), {
    description,
    interfaces: ['Task'],
    fields: (t) => ({
      output: t.field({
        type: type as ObjectRef<Types, JsonObject>,
        nullable: true,
        description: 'The result, typed; null until SUCCESS.',
        resolve: ({ state, result }) => (state === 'SUCCESS' ? (result as JsonObject) : null),
      }),
    }),
  });
}

function addPayloadType(
  builder: Builder,
  { name }: TaskContract,
  pascal: string,
  task: ObjectRef<Types, TaskRow>,
): PayloadRef {
  return builder.objectType(builder.objectRef<EnqueuePayload>(`Enqueue${pascal}Payload`), {
    description: `The enqueued ${name} task, or why there is none.`,
    fields: (t) => ({
      task: t.expose('task', { type: task, nullable: true, description: 'The task.' }),
      duplicate: t.exposeBoolean('duplicate', {
        description: 'Whether an earlier call with the same idempotency key made it.',
      }),
      userErrors: t.expose('userErrors', { type: ['UserError'], description: 'What is wrong with the input.' }),
    }),
  });
}

interface TypedMutation {
  shape: ObjectShape;
  input: InputObjectRef<Types, JsonObject>;
  payload: PayloadRef;
}

function addTypedMutation(
  builder: Builder,
  { name, description }: TaskContract,
  { shape, input, payload }: TypedMutation,
): void {
  builder.mutationField(mutationName(name), (t) =>
    t.field({
      type: payload,
      description,
      args: {
        input: t.arg({ type: input, required: true, description: 'The payload.' }),
        options: optionsArg(t),
      },
      resolve: (_root, args, context) =>
        enqueue(context, { name, payload: toPayload(shape, args.input), options: args.options }),
    }),
  );
}

/** For payloads that GraphQL has no type for. */
function addJsonMutation(builder: Builder, { name, description }: TaskContract, payload: PayloadRef): void {
  builder.mutationField(mutationName(name), (t) =>
    t.field({
      type: payload,
      description,
      args: {
        input: t.arg({ type: 'JSON', description: 'The payload; {} when left out.' }),
        options: optionsArg(t),
      },
      resolve: (_root, args, context) => enqueue(context, { name, payload: args.input ?? {}, options: args.options }),
    }),
  );
}

function mutationName(taskName: string): string {
  return `enqueue${pascalCase(taskName)}`;
}

function optionsArg(t: PothosSchemaTypes.MutationFieldBuilder<Types, Types['Root']>) {
  return t.arg({ type: 'EnqueueOptions', description: 'How it is to be run.' });
}

interface TypedEnqueue {
  name: string;
  payload: unknown;
  options?: EnqueueOptionsInput | null | undefined;
}

function enqueue({ resources, owner }: Types['Context'], input: TypedEnqueue) {
  return withUserErrors(NOT_ENQUEUED, async () => taskOf(resources, await enqueueTask(resources, { ...input, owner })));
}
