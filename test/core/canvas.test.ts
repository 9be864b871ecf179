import { describe, expect, test } from 'vitest';
import { chain, chord, group, type Node, signature } from '../../src/core/canvas.ts';
import { toSteps } from '../../src/core/to-steps.ts';
import { analyzeData, preprocessData } from '../../src/tasks/data.ts';
import { noop, sum } from '../../src/tasks/diagnostics.ts';
import { sendNotification } from '../../src/tasks/email.ts';

/** Of a workflow. */
const STEPS_MAX = 5000;
const fileId = '0190a6f0-0000-7000-8000-000000000000';

/** A step that does nothing, with a key of its own. */
function step(key: string): Node<unknown> {
  return signature(noop, {}, { key });
}

function add(key: string, ...values: number[]) {
  return signature(sum, { values }, { key });
}

/** What each step waits for. */
function dependencies(node: Node<unknown>): Record<string, readonly string[]> {
  return Object.fromEntries(toSteps(node).map(({ key, dependsOn }) => [key, dependsOn ?? []]));
}

describe('what is written becomes steps', () => {
  test('a signature is a step', () => {
    expect(toSteps(signature(sum, { values: [1, 2] }))).toEqual([
      { key: 'sum', task: 'sum', payload: { values: [1, 2] } },
    ]);
  });

  test('a step is run as its signature says', () => {
    const expiresAt = new Date('2027-01-01T00:00:00Z');
    const how = {
      key: 'last',
      onFailure: 'SKIP',
      join: 'ANY',
      joinCount: 1,
      weight: 2.5,
      options: { priority: 0, tags: ['a'], expiresAt },
    } as const;

    const [, last] = toSteps(chain(step('first'), signature(noop, {}, how)));

    expect(last).toEqual({ ...how, task: 'noop', payload: {}, dependsOn: ['first'] });
  });

  test('a field that is left out is not in the payload', () => {
    const [{ payload } = {}] = toSteps(signature(sum, { values: undefined as unknown as number[] }));

    expect(payload).toStrictEqual({});
  });

  test('a chain hands the fields of each result to what follows', () => {
    const node = chain(
      signature(preprocessData, { fileId }),
      ({ data }) => signature(analyzeData, { dataId: data.id }),
      ({ analysisId }) => signature(sendNotification, { userId: 7, message: analysisId }),
    );

    expect(toSteps(node)).toEqual([
      { key: 'preprocess-data', task: 'preprocess-data', payload: { fileId } },
      {
        key: 'analyze-data',
        task: 'analyze-data',
        payload: {},
        inputFrom: { dataId: { step: 'preprocess-data', path: 'data.id' } },
      },
      {
        key: 'send-notification',
        task: 'send-notification',
        payload: { userId: 7 },
        inputFrom: { message: { step: 'analyze-data', path: 'analysisId' } },
      },
    ]);
  });

  test('a chain of what uses no results keeps its order', () => {
    expect(dependencies(chain(step('a'), step('b'), () => step('c')))).toEqual({ a: [], b: ['a'], c: ['b'] });
  });

  test('a chord hands the results of its group to the callback, in their order', () => {
    const node = chord([add('b', 1), add('a', 2)], (sums) =>
      signature(sum, { values: sums.map(({ total }) => total) }, { key: 'all' }),
    );

    expect(toSteps(node)).toEqual([
      { key: 'b', task: 'sum', payload: { values: [1] } },
      { key: 'a', task: 'sum', payload: { values: [2] } },
      {
        key: 'all',
        task: 'sum',
        payload: {},
        inputFrom: {
          values: [
            { step: 'b', path: 'total' },
            { step: 'a', path: 'total' },
          ],
        },
      },
    ]);
  });

  test('what uses some of the results waits for the others too', () => {
    const node = chord([add('a', 1), add('b', 2), step('c')], ([, { total }]) =>
      signature(sum, { values: [total] }, { key: 'd' }),
    );

    expect(toSteps(node).at(-1)).toEqual({
      key: 'd',
      task: 'sum',
      payload: {},
      dependsOn: ['a', 'c'],
      inputFrom: { values: [{ step: 'b', path: 'total' }] },
    });
  });

  test('a whole result has no path, and results of earlier links can be used too', () => {
    const node = chain(add('a', 1), (first) =>
      chain(add('b', 2), (second) => signature(sum, { values: [first.total, second.total] }, { key: 'c' })),
    );
    const whole = chain(add('a', 1), (first) => signature(noop, { first } as never, { key: 'b' }));

    expect(toSteps(node).at(-1)?.inputFrom).toEqual({
      values: [
        { step: 'a', path: 'total' },
        { step: 'b', path: 'total' },
      ],
    });
    expect(toSteps(whole).at(-1)?.inputFrom).toEqual({ first: { step: 'a' } });
  });
});

describe('everything nests in everything', () => {
  test('a chain of a group of chains', () => {
    const node = chain(
      step('a'),
      group([chain(step('b'), step('c')), step('d'), chain(step('e'), step('f'))]),
      step('g'),
    );

    expect(dependencies(node)).toEqual({ a: [], b: ['a'], c: ['b'], d: ['a'], e: ['a'], f: ['e'], g: ['c', 'd', 'f'] });
  });

  test('a chain that grows to the most steps that a workflow may have', () => {
    const nodes = Array.from({ length: STEPS_MAX }, (_, at) => step(String(at)));

    const steps = toSteps(nodes.reduce((all, next) => chain(all, next)));

    expect(steps).toHaveLength(STEPS_MAX);
    expect(steps.at(-1)?.dependsOn).toEqual([String(STEPS_MAX - 2)]);
  });

  test('a group of chords', () => {
    const node = group([chord([step('a'), step('b')], step('c')), chord([step('d'), step('e')], step('f'))]);

    expect(dependencies(node)).toEqual({ a: [], b: [], c: ['a', 'b'], d: [], e: [], f: ['d', 'e'] });
  });

  test('a chord of chains of groups', () => {
    const node = chord([chain(step('a'), group([step('b'), step('c')])), step('d')], step('e'));

    expect(dependencies(node)).toEqual({ a: [], b: ['a'], c: ['a'], d: [], e: ['b', 'c', 'd'] });
  });

  test('a group after a group, in a chain of one in a group of one', () => {
    const node = group([chain(chain(group([step('a'), step('b')]), group([step('c'), step('d')])))]);

    expect(dependencies(node)).toEqual({ a: [], b: [], c: ['a', 'b'], d: ['a', 'b'] });
  });

  test('the results of a nested group are nested', () => {
    const node = chord([group([add('a', 1), add('b', 2)]), chain(step('c'), add('d', 3))], ([[, b], d]) =>
      signature(sum, { values: [d.total, b.total] }, { key: 'e' }),
    );

    expect(toSteps(node).at(-1)).toMatchObject({
      dependsOn: ['a'],
      inputFrom: {
        values: [
          { step: 'd', path: 'total' },
          { step: 'b', path: 'total' },
        ],
      },
    });
  });
});

describe('keys', () => {
  const keys = (node: Node<unknown>) => toSteps(node).map(({ key }) => key);

  test('are the names of the tasks, numbered from the second time on, in the order of writing', () => {
    const node = chain(group([signature(noop, {}), signature(sum, { values: [] })]), group([signature(noop, {})]));

    expect(keys(chain(node, signature(noop, {}), signature(sum, { values: [] })))).toEqual([
      'noop',
      'sum',
      'noop-2',
      'noop-3',
      'sum-2',
    ]);
  });

  test('that are given stay as they are, wherever they are', () => {
    expect(keys(chain(signature(noop, {}), signature(noop, {}), step('noop-2'), step('noop')))).toEqual([
      'noop-3',
      'noop-4',
      'noop-2',
      'noop',
    ]);
  });

  test('are the same whenever the steps are made', () => {
    const node = group([signature(noop, {}), signature(noop, {})]);

    expect(toSteps(node)).toEqual(toSteps(node));
  });
});

describe('what is refused', () => {
  const reused = add('a', 1);
  const REFUSED: { text: string; write: () => unknown }[] = [
    {
      text: 'expected the keys of the signatures to differ, got "a" twice',
      write: () => toSteps(group([step('a'), step('b'), step('a')])),
    },
    {
      text: 'expected each signature to be in a workflow once, got one of sum twice: make another one for the second place',
      write: () => toSteps(chain(reused, step('b'), reused)),
    },
    {
      text: 'expected each signature to be in a workflow once, got one of noop twice: make another one for the second place',
      write: () => {
        const twice = signature(noop, {});
        return toSteps(group([twice, chain(twice)]));
      },
    },
    { text: 'expected a group to have at least one node, got none', write: () => group([]) },
    { text: 'expected a group to have at least one node, got none', write: () => chord([], step('a')) },
    {
      text: 'expected results in the payload of noop to be whole fields, got one inside of one: item.list.0.id',
      write: () => chain(add('a', 1), ({ total }) => signature(noop, { item: { list: [{ id: total }] } } as never)),
    },
    {
      text: 'expected results in the payload of noop to be whole fields, got one inside of one: items.0.id',
      write: () => chain(add('a', 1), ({ total }) => signature(noop, { items: [{ id: total }] } as never)),
    },
    {
      text: 'expected the list values in the payload of sum to hold either values or results, got 1 results among 2 items',
      write: () => chain(add('a', 1), ({ total }) => signature(sum, { values: [1, total as unknown as number] })),
    },
    {
      text: 'expected "b" to use results of what is written before it in the same workflow, got one of sum',
      write: () => toSteps(signature(sum, { values: [add('a', 1).results.total] }, { key: 'b' })),
    },
    {
      text: 'expected "b" to use results of what is written before it in the same workflow, got one of sum',
      write: () => {
        const later = add('a', 1);
        return toSteps(chain(signature(sum, { values: [later.results.total] }, { key: 'b' }), later));
      },
    },
    {
      text: 'expected "total" of a result to be the whole of a field, as it is not known yet, but text is made of it',
      write: () =>
        chain(add('a', 1), ({ total }) =>
          signature(sendNotification, { userId: 1, message: `Sum: ${total as unknown as number}` }),
        ),
    },
    {
      text: 'expected a result to be the whole of a field, as it is not known yet, but text is made of it',
      write: () => `Sum: ${add('a', 1).results as unknown as number}`,
    },
    {
      text: 'expected the name of a field without dots, as paths into results have them, got: "a.b"',
      write: () => (add('a', 1).results as unknown as Record<string, unknown>)['a.b'],
    },
  ];

  test.for(REFUSED)('$text', ({ text, write }) => {
    expect(write).toThrow(new TypeError(text));
  });
});

test('a payload that contains itself is left to the check of the workflow', () => {
  const item: { self?: object } = {};
  item.self = item;

  expect(toSteps(signature(noop, { item } as never))).toHaveLength(1);
});
