import { expect, test } from 'vitest';
import { parseInputFrom } from '../../src/core/parse-input-from.ts';

test('a field comes from a result, from a part of one, or from a list of these', () => {
  const given = {
    a: { step: 'x' },
    b: { step: 'x', path: 'c.0.d' },
    c: [{ step: 'x' }, { step: 'y', path: 'z' }],
    d: [],
  };

  expect(parseInputFrom(given)).toEqual({ inputFrom: given });
});

test('a path that is null is as good as left out', () => {
  expect(parseInputFrom({ a: { step: 'x', path: null } })).toEqual({ inputFrom: { a: { step: 'x' } } });
});

test.for<[given: unknown, path: string[]]>([
  ['x', []],
  [['x'], []],
  [{ a: 'x' }, ['a']],
  [{ a: null }, ['a']],
  [{ a: {} }, ['a']],
  [{ a: { step: 1 } }, ['a']],
  [{ a: { step: 'x', path: 1 } }, ['a']],
  [{ a: { step: 'x', paht: 'b' } }, ['a']],
  [{ a: [{ step: 'x' }, 'y'] }, ['a']],
  [{ a: { step: 'x', path: 'p'.repeat(1001) } }, ['a', 'path']],
])('what is no such thing is refused, and where (%#)', ([given, path]) => {
  expect(parseInputFrom(given)).toEqual({
    problems: [
      {
        code: 'WORKFLOW_INVALID',
        message:
          'expected inputFrom to be like { "field": { "step": "key", "path": "a.b" } }, or a list of such sources',
        path: ['inputFrom', ...path],
      },
    ],
  });
});

test('each field that can’t be read is told', () => {
  expect(parseInputFrom({ a: 1, b: { step: 'x' }, c: 2 })).toMatchObject({
    problems: [{ path: ['inputFrom', 'a'] }, { path: ['inputFrom', 'c'] }],
  });
});
