import { readFile } from 'node:fs/promises';
import {
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedScalarType,
  parse,
  validate,
  validateSchema,
} from 'graphql';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { signature } from '../../src/core/canvas.ts';
import { defineTask } from '../../src/core/define-task.ts';
import { defineWorkflow } from '../../src/core/define-workflow.ts';
import { printApiSchema } from '../../src/graphql/print-schema.ts';
import { buildSchema } from '../../src/graphql/schema.ts';
import { EXAMPLE_DOCUMENT } from '../../src/http/graphiql.ts';
import { catalog, openCatalog, TaskCatalog } from '../../src/tasks/catalog.ts';
import { noop } from '../../src/tasks/diagnostics.ts';
import { WorkflowCatalog } from '../../src/tasks/workflow-catalog.ts';
import { workflows } from '../../src/tasks/workflows.ts';

const schema = buildSchema(openCatalog({ diagnosticTasks: true }), new WorkflowCatalog(workflows));

test('schema.graphql is current (npm run schema writes it)', async () => {
  const committed = await readFile(new URL('../../schema.graphql', import.meta.url), 'utf8');

  expect(committed).toBe(printApiSchema());
});

test('the schema is valid', () => {
  expect(validateSchema(schema)).toEqual([]);
});

test('every type, field, argument and enum value has a description', () => {
  const undescribed = [...coordinates(schema)].filter(([, description]) => !description?.trim()).map(([name]) => name);

  expect(undescribed).toEqual([]);
});

test('each contract has its input, mutation, payload, task type and output', () => {
  const mutations = schema.getMutationType()?.getFields() ?? {};

  for (const { name } of catalog) {
    const pascal = name.replace(/(^|-)(.)/g, (_match, _dash, letter: string) => letter.toUpperCase());
    expect(Object.keys(mutations)).toContain(`enqueue${pascal}`);
    expect(mutations[`enqueue${pascal}`]?.type.toString()).toBe(`Enqueue${pascal}Payload!`);
    expect(schema.getType(`${pascal}Task`)).toBeDefined();
  }
  expect(mutations['enqueueSendWelcomeEmail']?.args.map(({ name }) => name)).toEqual(['input', 'options']);
  expect(schema.getType('SendWelcomeEmailOutput')).toBeDefined();
});

test('each defined workflow has its input and its mutation', () => {
  const nothing = defineWorkflow({
    name: 'do-nothing',
    description: 'Does nothing.',
    input: z.object({}),
    build: () => signature(noop, {}),
  });

  const mutations = buildSchema(new TaskCatalog([]), new WorkflowCatalog([...workflows, nothing])).getMutationType();
  const signatureOf = (name: string) => {
    const { args = [], type } = mutations?.getFields()[name] ?? {};
    return [...args.map(({ name, type }) => `${name}: ${String(type)}`), String(type)];
  };

  expect(signatureOf('enqueueCsvReportWorkflow')).toEqual([
    'input: CsvReportWorkflowInput!',
    'idempotencyKey: String',
    'WorkflowPayload!',
  ]);
  expect(signatureOf('enqueueDoNothingWorkflow')).toEqual([
    'input: JSON',
    'idempotencyKey: String',
    'WorkflowPayload!',
  ]);
});

test('a workflow whose types would clash with others is refused with its name', () => {
  const text = z.object({ text: z.string() });
  const clashing = defineTask({ name: 'csv-report-workflow', description: 'Clashes.', input: text, output: text });

  expect(() => buildSchema(new TaskCatalog([clashing]), new WorkflowCatalog(workflows))).toThrow(
    'the workflow csv-report cannot be in the GraphQL schema: Duplicate typename: Another type with name CsvReportWorkflowInput already exists.',
  );
});

test('a deployment without diagnostics has no types for them', () => {
  const production = buildSchema(openCatalog({ diagnosticTasks: false }));

  expect(production.getType('NoopTask')).toBeUndefined();
  expect(production.getType('SendWelcomeEmailTask')).toBeDefined();
});

test('a task whose types would clash with others is refused with its name', () => {
  const clashing = (name: string) => {
    const text = z.object({ text: z.string() });
    return new TaskCatalog([defineTask({ name, description: 'Clashes.', input: text, output: text })]);
  };

  expect(() => buildSchema(clashing('create-user'))).toThrow(
    'the task create-user cannot be in the GraphQL schema: Duplicate typename: Another type with name CreateUserInput already exists.',
  );
  expect(() => buildSchema(clashing('tasks'))).toThrow('Duplicate field enqueueTasks on Mutation');
});

test('the example that GraphiQL shows is valid', () => {
  const production = buildSchema(openCatalog({ diagnosticTasks: false }));

  expect(validate(production, parse(EXAMPLE_DOCUMENT))).toEqual([]);
});

/** All that is ours in a schema, with its description. */
function* coordinates(of: GraphQLSchema): Generator<[name: string, description: string | null | undefined]> {
  for (const type of Object.values(of.getTypeMap())) {
    if (isIntrospectionType(type) || isSpecifiedScalarType(type)) continue;
    yield [type.name, type.description];
    if (isEnumType(type)) for (const value of type.getValues()) yield [`${type.name}.${value.name}`, value.description];
    if (!isObjectType(type) && !isInterfaceType(type) && !isInputObjectType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      yield [`${type.name}.${field.name}`, field.description];
      for (const arg of 'args' in field ? field.args : []) {
        yield [`${type.name}.${field.name}(${arg.name}:)`, arg.description];
      }
    }
  }
}
