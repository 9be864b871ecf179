import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findStorageProblem, PAYLOAD_MAX_LENGTH, toStorableText } from '../../src/core/storable.ts';

/** Lists within lists; the innermost is empty. */
function nested(levels: number): unknown {
  let value: unknown = [];
  for (let level = 1; level < levels; level += 1) value = [value];
  return value;
}

describe('characters that text in Postgres cannot hold', () => {
  test('a NUL is found, with its place', () => {
    expect(findStorageProblem({ a: [{ b: 'x\u0000' }] })).toEqual({
      message: 'expected text without NUL characters',
      path: ['a', '0', 'b'],
    });
  });

  test('half of a surrogate pair is found, with its place', () => {
    expect(findStorageProblem(['fine', 'x\ud83d'])).toEqual({ message: 'expected well-formed Unicode', path: ['1'] });
  });

  test.for(['a\u0000', '\udc00'])('%j is found in a key', (key) => {
    expect(findStorageProblem({ ok: { [key]: 1 } })?.path).toEqual(['ok', key]);
  });

  test('whole pairs and all other characters are fine', () => {
    expect(findStorageProblem({ '😀': '😀 \u0001 \ufffe \u{10ffff} "\\' })).toBeUndefined();
  });
});

describe('depth', () => {
  test('51 lists within each other are stored', () => {
    expect(findStorageProblem(nested(51))).toBeUndefined();
  });

  test('what is deeper is refused', () => {
    expect(findStorageProblem([nested(52)])).toMatchObject({ message: 'expected at most 50 levels, got more' });
  });

  test('a value that contains itself is refused', () => {
    const loop: Record<string, unknown> = {};
    loop['again'] = loop;

    expect(findStorageProblem(loop)).toMatchObject({ message: 'expected at most 50 levels, got more' });
  });

  test('a hundred thousand levels are refused without exhausting the stack', () => {
    expect(findStorageProblem(nested(100_000))).toMatchObject({ message: 'expected at most 50 levels, got more' });
  });
});

describe('size', () => {
  test('as much as is allowed is stored', () => {
    expect(findStorageProblem('x'.repeat(PAYLOAD_MAX_LENGTH - 2))).toBeUndefined(); // two quotes
  });

  test('one character more is refused, with both numbers', () => {
    expect(findStorageProblem('x'.repeat(PAYLOAD_MAX_LENGTH - 1))).toEqual({
      message: 'expected at most 262144 characters of JSON, got: 262145; upload a file instead',
      path: [],
    });
  });
});

test.for([undefined, null, true, 0, -0, 1.5, '', [], {}])('%j is stored', (value) => {
  expect(findStorageProblem(value)).toBeUndefined();
});

test('whatever text becomes is storable, and storable text stays as it is', () => {
  const anyText = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) });
  const withNuls = fc
    .array(fc.oneof(anyText, fc.constant('\u0000'), fc.constant('\ud800')))
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(withNuls, (text) => {
      const storable = toStorableText(text);

      expect(findStorageProblem(storable)).toBeUndefined();
      if (!findStorageProblem(text)) expect(storable).toBe(text);
      expect(storable).toHaveLength(text.length);
    }),
  );
});
