import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Batcher, type BatcherOptions } from '../../src/core/batcher.ts';

/** A batch that the test ends. */
interface OpenBatch {
  items: readonly number[];
  succeed(): void;
  fail(error: Error): void;
}

/** A batcher whose batches are ended by the test; the result of an item is its double. */
function openBatcher(options?: BatcherOptions) {
  const batches: OpenBatch[] = [];
  const batcher = new Batcher<number, number>((items) => {
    const { promise, resolve, reject } = Promise.withResolvers<number[]>();
    batches.push({ items, succeed: () => resolve(items.map((item) => item * 2)), fail: reject });
    return promise;
  }, options);
  const add = (...items: number[]) => items.map((item) => batcher.add(item));
  return { batcher, batches, add, items: () => batches.map((batch) => batch.items) };
}

test('a lone item goes without waiting for others', async () => {
  const { batches, add, items } = openBatcher();

  const [result] = add(7);
  await nextTurn();
  batches[0]?.succeed();

  expect(items()).toEqual([[7]]);
  expect(await result).toBe(14);
});

test('what is added in the same turn travels together', async () => {
  const { add, items } = openBatcher();

  void add(1);
  await Promise.resolve();
  void add(2, 3);
  await nextTurn();

  expect(items()).toEqual([[1, 2, 3]]);
});

test('what is added while a batch is under way forms the next one', async () => {
  const { batches, add, items } = openBatcher();
  void add(1);
  await nextTurn();

  void add(2);
  await nextTurn();
  void add(3, 4);
  await nextTurn();
  const whileUnderWay = items();
  batches[0]?.succeed();
  await nextTurn();
  await nextTurn();

  expect(whileUnderWay).toEqual([[1]]);
  expect(items()).toEqual([[1], [2, 3, 4]]);
});

test('a batch takes as many items as it may; the rest waits', async () => {
  const { batches, add, items } = openBatcher({ maxItems: 2 });

  void add(1, 2, 3, 4, 5);
  await nextTurn();
  const first = items();
  batches[0]?.succeed();
  await nextTurn();
  await nextTurn();

  expect(first).toEqual([[1, 2]]);
  expect(items()).toEqual([
    [1, 2],
    [3, 4],
  ]);
});

test('as many batches are under way as may be, and no more', async () => {
  const { batches, add, items } = openBatcher({ maxItems: 1, maxInFlight: 3 });
  void add(1, 2, 3, 4, 5);
  for (let turn = 0; turn < 10; turn += 1) await nextTurn();
  const atFirst = items();

  batches[1]?.succeed();
  for (let turn = 0; turn < 10; turn += 1) await nextTurn();

  expect(atFirst).toEqual([[1], [2], [3]]);
  expect(items()).toEqual([[1], [2], [3], [4]]);
});

describe('a batch that fails', () => {
  test('fails its items and no others', async () => {
    const { batches, add } = openBatcher();
    const results = add(1, 2);
    await nextTurn();
    const [later] = add(3);

    batches[0]?.fail(new Error('down'));
    const settled = await Promise.allSettled(results);
    await nextTurn();
    batches[1]?.succeed();

    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await later).toBe(6);
  });

  test('is not run again for an error that says nothing about an item', async () => {
    const { batches, add } = openBatcher({ runAloneAfter: (error) => (error as Error).message === 'bad data' });
    const results = add(1, 2);
    await nextTurn();

    batches[0]?.fail(new Error('down'));
    await Promise.allSettled(results);
    await nextTurn();

    expect(batches).toHaveLength(1);
  });

  test('fails even when running it throws at once', async () => {
    const batcher = new Batcher<number, number>(() => {
      throw new Error('at once');
    });

    await expect(batcher.add(1)).rejects.toThrow('at once');
    await expect(batcher.add(2)).rejects.toThrow('at once');
  });
});

test('a bad item fails alone', async () => {
  const runs: (readonly number[])[] = [];
  const batcher = new Batcher<number, number>(
    async (items) => {
      runs.push(items);
      if (items.includes(13)) throw new Error('bad data');
      return items;
    },
    { runAloneAfter: (error) => (error as Error).message === 'bad data' },
  );

  const settled = await Promise.allSettled([1, 13, 3].map((item) => batcher.add(item)));

  expect(settled).toEqual([
    { status: 'fulfilled', value: 1 },
    { status: 'rejected', reason: new Error('bad data') },
    { status: 'fulfilled', value: 3 },
  ]);
  expect(runs).toEqual([[1, 13, 3], [1], [13], [3]]);
});

test('an item that goes alone is run once, also when it fails', async () => {
  let runs = 0;
  const batcher = new Batcher<number, number>(
    async () => {
      runs += 1;
      throw new Error('bad data');
    },
    { runAloneAfter: () => true },
  );

  await expect(batcher.add(1)).rejects.toThrow('bad data');

  expect(runs).toBe(1);
});

test('however items arrive, each gets its own result, and the limits hold', async () => {
  const options = fc.record({ maxItems: fc.integer({ min: 1, max: 5 }), maxInFlight: fc.integer({ min: 1, max: 3 }) });
  const waves = fc.array(fc.array(fc.nat(20), { maxLength: 8 }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(options, waves, async (limits, arriving) => {
      let underWay = 0;
      const seen = { items: 0, batches: 0 };
      const batcher = new Batcher<number, number>(
        async (items) => {
          underWay += 1;
          seen.items = Math.max(seen.items, items.length);
          seen.batches = Math.max(seen.batches, underWay);
          for (let turn = 0; turn < (items[0] ?? 0) % 3; turn += 1) await nextTurn();
          underWay -= 1;
          if (items.includes(13)) throw new Error('bad data');
          return items.map((item) => item * 2);
        },
        { ...limits, runAloneAfter: () => true },
      );

      const results: Promise<number | string>[] = [];
      for (const wave of arriving) {
        results.push(...wave.map((item) => batcher.add(item).catch(() => 'rejected')));
        if (wave.length % 2) await nextTurn();
      }

      expect(await Promise.all(results)).toEqual(arriving.flat().map((item) => (item === 13 ? 'rejected' : item * 2)));
      expect(seen.items).toBeLessThanOrEqual(limits.maxItems);
      expect(seen.batches).toBeLessThanOrEqual(limits.maxInFlight);
    }),
  );
});
