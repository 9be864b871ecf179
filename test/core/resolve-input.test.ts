import { describe, expect, test } from 'vitest';
import { resolveInput, withSingleValues } from '../../src/core/resolve-input.ts';

const results = [
  { step: 'a', path: 'data.id', found: true, value: 'x' },
  { step: 'a', path: 'data.rows.1.n', found: true, value: 2 },
  { step: 'a', path: 'data.rows.0.n', found: true, value: 1 },
  { step: 'a', path: 'none', found: true, value: null },
  { step: 'a', path: 'data.nothing', found: false, value: null },
  { step: 'b', path: '', found: true, value: { total: 7 } },
  { step: 'b', path: 'total', found: true, value: 7 },
];

describe('a payload', () => {
  test('gets a result, a field of it, and lists of them in their order', () => {
    const inputFrom = {
      whole: { step: 'b' },
      id: { step: 'a', path: 'data.id' },
      second: { step: 'a', path: 'data.rows.1.n' },
      empty: { step: 'a', path: 'none' },
      list: [
        { step: 'b', path: 'total' },
        { step: 'a', path: 'data.rows.0.n' },
      ],
    };

    expect(resolveInput({ given: true }, inputFrom, results)).toEqual({
      payload: { given: true, whole: { total: 7 }, id: 'x', second: 2, empty: null, list: [7, 1] },
    });
  });

  test('leaves out what has no result', () => {
    const inputFrom = { gone: { step: 'z', path: 'x' }, list: [{ step: 'z' }, { step: 'b', path: 'total' }] };

    expect(resolveInput({}, inputFrom, results)).toEqual({ payload: { list: [7] } });
  });

  test('cannot be put together when a result has not what is asked of it', () => {
    expect(resolveInput({}, { field: { step: 'a', path: 'data.nothing' } }, results)).toEqual({
      problem: `expected the result of step "a" to have "data.nothing" for the field "field", but it has not`,
    });
  });

  test('may have fields with the names of what every object has', () => {
    const { payload } = resolveInput({}, JSON.parse('{ "__proto__": { "step": "b" } }'), results) as {
      payload: object;
    };

    expect(Object.getPrototypeOf(payload)).toBe(Object.prototype);
    expect(Object.keys(payload)).toEqual(['__proto__']);
  });
});

test('in a list of results, one with a single field can stand for its value', () => {
  const payload = { list: [{ total: 3 }, { a: 1, b: 2 }, [7], 'text', null], one: { total: 4 }, given: { total: 5 } };
  const inputFrom = { list: [{ step: 'a' }], one: { step: 'a' } };

  expect(withSingleValues(payload, inputFrom)).toEqual({ ...payload, list: [3, { a: 1, b: 2 }, [7], 'text', null] });
});
