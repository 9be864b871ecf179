import { buildSchema, getIntrospectionQuery, parse, validate } from 'graphql';
import { describe, expect, test } from 'vitest';
import { noListInItself } from '../../src/graphql/no-list-in-itself.ts';
import { buildSchema as buildTaskwireSchema } from '../../src/graphql/schema.ts';
import { openCatalog } from '../../src/tasks/catalog.ts';

const schema = buildSchema(`
  type Query { shelf: Shelf shelves: [Shelf!]! books: BookConnection! }
  type Shelf { id: ID! books: [Book!]! }
  interface Named { shelf: Shelf }
  type Book implements Named { id: ID! shelf: Shelf similar: BookConnection! }
  type BookConnection { nodes: [Book!]! edges: [BookEdge!]! }
  type BookEdge { node: Book! }
`);

function messages(query: string): string[] {
  return validate(schema, parse(query), [noListInItself]).map(({ message }) => message);
}

function inItself(list: string): string {
  return `expected no list inside itself, got ${list} again below ${list}: ask for it in a query of its own`;
}

describe('a list inside itself is refused', () => {
  test.each([
    ['directly', '{ shelf { books { shelf { books { id } } } } }', 'Shelf.books'],
    ['far below', '{ shelves { books { similar { nodes { shelf { books { id } } } } } } }', 'Shelf.books'],
    ['as edges inside of nodes', '{ books { nodes { similar { edges { node { id } } } } } }', 'BookConnection'],
    ['through an inline fragment', '{ shelf { books { ... on Named { shelf { books { id } } } } } }', 'Shelf.books'],
    [
      'through fragments that are spread',
      'query { shelf { ...a } } fragment a on Shelf { books { ...b } } fragment b on Book { shelf { books { id } } }',
      'Shelf.books',
    ],
  ])('%s', (_, query, list) => {
    expect(messages(query)).toEqual([inItself(list)]);
  });
});

describe('what is no list inside itself is not refused', () => {
  test.each([
    ['lists beside each other', '{ shelf { books { id } } again: shelf { books { id } } }'],
    ['different lists inside each other', '{ shelves { books { similar { nodes { id } } } } }'],
    ['the same fragment twice', 'query { shelf { ...a } b: shelf { ...a } } fragment a on Shelf { books { id } }'],
    ['fragments that spread each other', 'query { shelf { ...a } } fragment a on Shelf { ...a }'],
    ['a field that there is not', '{ shelf { nothing { books { id } } } }'],
  ])('%s', (_, query) => {
    expect(messages(query)).toEqual([]);
  });

  test('a document that spreads fragments in fragments many times is looked at once', () => {
    const levels = Array.from({ length: 40 }, (_, at) => `fragment f${at} on Shelf { ...f${at + 1} ...f${at + 1} }`);

    expect(messages(`query { shelf { ...f0 } } ${levels.join(' ')} fragment f40 on Shelf { books { id } }`)).toEqual(
      [],
    );
  });

  test('what GraphiQL asks of the schema', () => {
    const taskwire = buildTaskwireSchema(openCatalog({ diagnosticTasks: true }));

    expect(validate(taskwire, parse(getIntrospectionQuery()), [noListInItself])).toEqual([]);
  });
});
