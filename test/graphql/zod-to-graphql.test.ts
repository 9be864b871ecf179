import {
  assertInputObjectType,
  assertObjectType,
  coerceInputValue,
  execute,
  GraphQLObjectType,
  GraphQLSchema,
  parse,
  printType,
} from 'graphql';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTask } from '../../src/core/define-task.ts';
import { buildSchema } from '../../src/graphql/schema.ts';
import { toPayload } from '../../src/graphql/typed-input.ts';
import { objectShapeOf } from '../../src/graphql/zod-to-graphql.ts';
import { TaskCatalog } from '../../src/tasks/catalog.ts';

const folder = z.object({
  name: z.string(),
  get folders() {
    return z.array(folder).optional();
  },
});

const input = z.object({
  text: z.string().min(1).describe('Some text.'),
  id: z.uuid(),
  checkedId: z.string().check(z.uuid()),
  whole: z.int(),
  checkedWhole: z.number().int().min(1),
  small: z.int32(),
  large: z.uint32(),
  decimal: z.number(),
  yes: z.boolean(),
  at: z.iso.datetime(),
  coercedAt: z.coerce.date(),
  second: z.iso.datetime({ precision: 0 }),
  day: z.iso.date(),
  format: z.enum(['text/csv', 'json', '2d', 'camelCase']),
  one: z.literal('one'),
  few: z.literal(['low', 'high']),
  either: z.union([z.literal('a'), z.literal('b')]),
  link: z.union([z.email(), z.url()]),
  optional: z.string().optional(),
  nullable: z.string().nullable(),
  nullish: z.string().nullish(),
  defaulted: z.int().default(5),
  defaultedFormat: z.enum(['text/csv', 'json']).default('text/csv'),
  defaultedList: z.array(z.string()).default(['a']),
  defaultedAnew: z.string().default(() => crypto.randomUUID()),
  trimmed: z
    .string()
    .trim()
    .transform((text) => text.length),
  preprocessed: z.preprocess((value) => value, z.int()),
  readonly: z.array(z.string()).readonly(),
  holes: z.array(z.string().nullable()),
  matrix: z.array(z.array(z.number())),
  address: z
    .object({
      city: z.string(),
      zip: z.string().optional(),
      since: z.iso.datetime().optional(),
      kind: z.enum(['a-b', 'c']),
    })
    .describe('Where it is.'),
  addresses: z.array(z.object({ city: z.string().optional(), since: z.iso.datetime().nullable() })),
  tree: folder.optional(),
  record: z.record(z.string(), z.int()).optional(),
  tuple: z.tuple([z.string(), z.int()]).optional(),
  mixed: z.union([z.string(), z.int()]).optional(),
  shapes: z
    .discriminatedUnion('kind', [z.object({ kind: z.literal('a') }), z.object({ kind: z.literal('b') })])
    .optional(),
  anything: z.unknown().optional(),
  empty: z.object({}).optional(),
  named: z.object({ 'not-a-name': z.string() }).optional(),
});

const output = z.object({
  size: z
    .string()
    .transform((text) => text.length)
    .pipe(z.int()),
  at: z.iso.datetime().nullable(),
  format: z.enum(['text/csv', 'json']),
  defaulted: z.string().default('x'),
  maybe: z.string().optional(),
  rows: z.array(z.object({ id: z.int(), at: z.date() })),
  rest: z.record(z.string(), z.unknown()),
});

const contract = defineTask({ name: 'kitchen-sink', description: 'Has everything.', input, output });
const schema = buildSchema(new TaskCatalog([contract]));

test('an input type has the fields of the schema', () => {
  expect(fieldsOf('KitchenSinkInput')).toEqual({
    text: 'String!',
    id: 'ID!',
    checkedId: 'ID!',
    whole: 'Int!',
    checkedWhole: 'Int!',
    small: 'Int!',
    large: 'Float!',
    decimal: 'Float!',
    yes: 'Boolean!',
    at: 'DateTime!',
    coercedAt: 'DateTime!',
    second: 'String!',
    day: 'String!',
    format: 'KitchenSinkInputFormat!',
    one: 'String!',
    few: 'KitchenSinkInputFew!',
    either: 'KitchenSinkInputEither!',
    link: 'String!',
    optional: 'String',
    nullable: 'String',
    nullish: 'String',
    defaulted: 'Int = 5',
    defaultedFormat: 'KitchenSinkInputDefaultedFormat = TEXT_CSV',
    defaultedList: '[String!] = ["a"]',
    defaultedAnew: 'String',
    trimmed: 'String!',
    preprocessed: 'Int',
    readonly: '[String!]!',
    holes: '[String]!',
    matrix: '[[Float!]!]!',
    address: 'KitchenSinkInputAddress!',
    addresses: '[KitchenSinkInputAddresses!]!',
    tree: 'KitchenSinkInputTree',
    record: 'JSON',
    tuple: 'JSON',
    mixed: 'JSON',
    shapes: 'JSON',
    anything: 'JSON',
    empty: 'JSON',
    named: 'JSON',
  });
});

test('an output type has the side of the schema that comes out', () => {
  expect(fieldsOf('KitchenSinkOutput')).toEqual({
    size: 'Int!',
    at: 'DateTime',
    format: 'KitchenSinkOutputFormat!',
    defaulted: 'String!',
    maybe: 'String',
    rows: '[KitchenSinkOutputRows!]!',
    rest: 'JSON',
  });
});

test('values that are no names become SCREAMING_SNAKE', () => {
  expect(printed('KitchenSinkInputFormat')).toMatch(/TEXT_CSV\b[^]*json\b[^]*_2D\b[^]*camelCase\b/);
});

test('an object that contains itself is one type', () => {
  expect(fieldsOf('KitchenSinkInputTree')).toEqual({ name: 'String!', folders: '[KitchenSinkInputTree!]' });
});

test('descriptions come from the schema', () => {
  expect(printed('KitchenSinkInput')).toContain('"""Some text."""\n  text: String!');
  expect(printed('KitchenSinkInput')).toContain('"""Where it is."""\n  address:');
  expect(printed('KitchenSinkTask')).toContain('"""Has everything."""');
});

test('a typed input becomes the payload that it stands for', () => {
  const payload = payloadOf({
    ...required,
    at: '2026-01-31T12:00:00+02:00',
    format: 'TEXT_CSV',
    address: { city: 'Rome', zip: null, since: '2026-01-31T12:00:00Z', kind: 'A_B' },
    addresses: [{ city: null, since: null }, { since: '2026-01-31T12:00:00.500Z' }],
    tree: { name: 'root', folders: [{ name: 'leaf', folders: null }] },
    anything: { nested: [null, 1] },
  });

  expect(payload).toMatchObject({
    at: '2026-01-31T10:00:00.000Z',
    coercedAt: '2026-01-31T12:00:00.000Z',
    format: 'text/csv',
    address: { city: 'Rome', since: '2026-01-31T12:00:00.000Z', kind: 'a-b' },
    addresses: [{ since: null }, { since: '2026-01-31T12:00:00.500Z' }],
    tree: { name: 'root', folders: [{ name: 'leaf' }] },
    anything: { nested: [null, 1] },
    defaulted: 5,
    defaultedFormat: 'text/csv',
    defaultedList: ['a'],
  });
  expect(payload).not.toHaveProperty('address.zip');
  expect(payload).not.toHaveProperty(['addresses', '0', 'city']);
  expect(payload).not.toHaveProperty('defaultedAnew');
  expect(input.safeParse(payload).error).toBeUndefined();
});

test('null is dropped where the schema knows only "left out", and added where it knows only null', () => {
  const payload = payloadOf({ ...required, optional: null, nullish: null, defaulted: null });

  expect(payload).not.toHaveProperty('optional');
  expect(payload).not.toHaveProperty('defaulted');
  expect(payload).toMatchObject({ nullable: null, nullish: null });
  expect(input.parse(payload)).toMatchObject({ defaulted: 5 });
});

test('a result is answered typed', async () => {
  const result = {
    size: 3,
    at: '2026-01-31T12:00:00Z',
    format: 'text/csv',
    defaulted: 'x',
    rows: [{ id: 1, at: '2026-01-31T12:00:00.000Z' }],
    rest: { a: [1] },
  };

  expect(await answerOf({ state: 'SUCCESS', result })).toEqual({
    size: 3,
    at: '2026-01-31T12:00:00.000Z',
    format: 'TEXT_CSV',
    defaulted: 'x',
    maybe: null,
    rows: [{ id: 1, at: '2026-01-31T12:00:00.000Z' }],
    rest: { a: [1] },
  });
  expect(await answerOf({ state: 'PROGRESS', result: null })).toBeNull();
});

test('an input without fields is optional JSON, and so is an output', () => {
  const nothing = defineTask({ name: 'do-nothing', description: '.', input: z.object({}), output: z.object({}) });

  const built = buildSchema(new TaskCatalog([nothing]));

  const { enqueueDoNothing } = built.getMutationType()?.getFields() ?? {};
  const task = assertObjectType(built.getType('DoNothingTask'));
  expect(task.getFields()['output']?.type.toString()).toBe('JSON');
  expect(enqueueDoNothing?.args.map(({ name, type }) => `${name}: ${String(type)}`)).toEqual([
    'input: JSON',
    'options: EnqueueOptions',
  ]);
});

/** An input with all that must be given, as GraphQL takes it. */
const required = {
  text: 'a',
  id: '0198c5d2-0000-7000-8000-000000000000',
  checkedId: '0198c5d2-0000-7000-8000-000000000000',
  whole: 1,
  checkedWhole: 1,
  small: 1,
  large: 4_000_000_000,
  decimal: 1.5,
  yes: true,
  at: '2026-01-31T12:00:00Z',
  coercedAt: '2026-01-31T12:00:00Z',
  second: '2026-01-31T12:00:00Z',
  day: '2026-01-31',
  format: 'json',
  one: 'one',
  few: 'low',
  either: 'a',
  link: 'a@example.com',
  trimmed: ' a ',
  preprocessed: 1,
  readonly: ['a'],
  holes: ['a', null],
  matrix: [[1], []],
  address: { city: 'Rome', kind: 'c' },
  addresses: [],
};

/** What the resolver of the typed mutation enqueues for an input. */
function payloadOf(given: object): unknown {
  const shape = objectShapeOf(input, 'input');
  if (!shape) throw new Error('expected the input to be an object');
  const coerced = coerceInputValue(given, assertInputObjectType(schema.getType('KitchenSinkInput')));
  return toPayload(shape, coerced as Record<string, unknown>);
}

/** What a query gets as the output of a task. */
async function answerOf(task: object): Promise<unknown> {
  const type = assertObjectType(schema.getType('KitchenSinkTask'));
  const query = new GraphQLObjectType({ name: 'Query', fields: { task: { type, resolve: () => task } } });
  const document = parse('{ task { output { size at format defaulted maybe rows { id at } rest } } }');
  const { data, errors } = await execute({ schema: new GraphQLSchema({ query }), document });
  expect(errors).toBeUndefined();
  return (JSON.parse(JSON.stringify(data)) as { task: { output: unknown } }).task.output;
}

/** The types of the fields of a type, with their defaults. */
function fieldsOf(name: string): Record<string, string> {
  const lines = printed(name).matchAll(/^ {2}(\w+): (.+)$/gm);
  return Object.fromEntries([...lines].map(([, field, type]) => [field ?? '', type ?? '']));
}

function printed(name: string): string {
  const type = schema.getType(name);
  if (!type) throw new Error(`expected a type ${name}, got none`);
  return printType(type);
}
