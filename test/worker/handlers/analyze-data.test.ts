import { describe, expect } from 'vitest';
import { FailPermanently, TaskCancelled } from '../../../src/core/errors.ts';
import { newId } from '../../../src/core/ids.ts';
import { analyzeData } from '../../../src/tasks/data.ts';
import { ColumnAnalysis } from '../../../worker/handlers/column-analysis.ts';
import { FrequentValues } from '../../../worker/handlers/frequent-values.ts';
import { test, type Workshop } from '../../support/handler-context.ts';

async function analyze(workshop: Workshop, content: string | Uint8Array) {
  return workshop.run(analyzeData, { dataId: await workshop.upload(content, 'sales.csv', 'text/csv') });
}

function summaryOf(values: readonly string[]) {
  const column = new ColumnAnalysis('value');
  for (const value of values) column.add(value);
  return column.summary();
}

test('each column is summed up by its type, and the whole stored as JSON', async ({ workshop }) => {
  const text = [
    'day,shop,amount',
    '2026-03-02,A,2',
    '2026-03-01,B,4',
    '2026-03-01T12:00:00-13:00,A,',
    ',C,9',
    'no,such line',
  ].join('\n');

  const { result, reports } = await analyze(workshop, text);

  const columns = [
    {
      name: 'day',
      type: 'date',
      count: 3,
      missing: 1,
      earliest: '2026-03-01',
      latest: '2026-03-01T12:00:00-13:00',
    },
    {
      name: 'shop',
      type: 'text',
      count: 4,
      missing: 0,
      distinct: 3,
      frequent: [
        { value: 'A', count: 2 },
        { value: 'B', count: 1 },
        { value: 'C', count: 1 },
      ],
    },
    {
      name: 'amount',
      type: 'number',
      count: 3,
      missing: 1,
      min: 2,
      max: 9,
      mean: 5,
      standardDeviation: expect.closeTo(Math.sqrt(13), 12),
    },
  ];
  const { row, content } = await workshop.read(result.analysisId);
  expect(result).toEqual({ analysisId: expect.any(String), rows: 4, rejected: 1, columns });
  expect(row).toMatchObject({ name: 'sales.analysis.json', contentType: 'application/json' });
  expect(JSON.parse(content.toString())).toEqual({ source: 'sales.csv', rows: 4, rejected: 1, columns });
  expect(reports.at(-1)).toMatchObject({ current: text.length, total: text.length });
  expect(await workshop.countFiles()).toEqual({ rows: 2, stored: 2, temporary: 0 });
});

describe('a column', () => {
  test('of large numbers that differ little keeps its deviation', () => {
    const summary = summaryOf(Array.from({ length: 1000 }, (_, at) => `${1e14 + (at % 2)}`));

    expect(summary).toMatchObject({ min: 1e14, max: 1e14 + 1, mean: 1e14 + 0.5 });
    expect(summary.standardDeviation).toBeCloseTo(Math.sqrt(250 / 999), 3);
  });

  test('of one number has no deviation', () => {
    expect(summaryOf(['4', ''])).toEqual({
      name: 'value',
      type: 'number',
      count: 1,
      missing: 1,
      min: 4,
      max: 4,
      mean: 4,
    });
  });

  test('that turns out to be text has counted what looked like numbers', () => {
    const summary = summaryOf(['1', '1', '2026-03-01', 'x']);

    expect(summary).toMatchObject({
      type: 'text',
      count: 4,
      distinct: 3,
      frequent: [{ value: '1', count: 2 }, {}, {}],
    });
    expect(summary).not.toHaveProperty('mean');
  });

  test('without values is text', () => {
    expect(summaryOf(['', ''])).toEqual({
      name: 'value',
      type: 'text',
      count: 0,
      missing: 2,
      distinct: 0,
      frequent: [],
    });
  });

  test('shows the beginning of long values, as text that can be stored', () => {
    const [first] = summaryOf([`${'x'.repeat(49)}😀`]).frequent ?? [];

    expect(first?.value).toBe(`${'x'.repeat(49)}\u{fffd}`);
  });
});

describe('FrequentValues', () => {
  test('counts exactly below two thousand different values', () => {
    const values = new FrequentValues();

    for (let at = 0; at < 1999; at += 1) values.add(`value ${at}`);
    values.add('value 1998');

    expect(values.distinct).toBe(1999);
    expect(values.top(2)).toEqual([
      { value: 'value 1998', count: 2 },
      { value: 'value 0', count: 1 },
    ]);
  });

  test('tells values apart by their first hundred characters', () => {
    const values = new FrequentValues();

    for (const ending of ['a', 'b']) values.add(`${'x'.repeat(100)}${ending}`);
    values.add(`${'x'.repeat(99)}a`);

    expect(values.distinct).toBe(2);
  });

  test.for([2000, 5000, 20_000, 300_000])('estimates %i different values and keeps the frequent ones', (different) => {
    const values = new FrequentValues();
    const often = Math.ceil(different / 50);

    for (let at = 0; at < different; at += 1) {
      values.add(`value ${at}`);
      if (at % 50 === 0) values.add('often');
    }

    const [first] = values.top(1);
    const total = different + often;
    expect(Math.abs(values.distinct - different - 1) / different).toBeLessThan(0.05);
    expect(first?.value).toBe('often');
    expect(first?.count).toBeLessThanOrEqual(often);
    expect(first?.count).toBeGreaterThanOrEqual(often - total / 1000);
  });
});

test.for([
  ['', 'CSV_HEADER_INVALID'],
  ['a,b\n1\n', 'NOT_CSV'],
  ['\u0000', 'NOT_TEXT'],
] as const)('%j fails for good with %s and leaves nothing', async ([content, code], { workshop }) => {
  const { error } = await analyze(workshop, content);

  expect(error).toBeInstanceOf(FailPermanently);
  expect(error).toMatchObject({ code });
  expect(await workshop.countFiles()).toEqual({ rows: 1, stored: 1, temporary: 0 });
});

test('an unknown file fails for good', async ({ workshop }) => {
  const { error } = await workshop.run(analyzeData, { dataId: newId() });

  expect(error).toMatchObject({ code: 'FILE_NOT_FOUND' });
});

test('the widest table of the longest values has a result of moderate size', async ({ workshop }) => {
  const header = Array.from({ length: 100 }, (_, at) => `${at}`.padEnd(100, 'x')).join(',');
  const rows = Array.from({ length: 30 }, (_, at) => Array(100).fill(`${at}`.padEnd(150, '日')).join(','));

  const { result } = await analyze(workshop, [header, ...rows].join('\n'));

  expect(result.columns).toHaveLength(100);
  expect(JSON.stringify(result).length).toBeLessThan(64 * 1024);
});

test('an attempt after a finished one has the same result and stores nothing more', async ({ workshop }) => {
  const taskId = await workshop.enqueue(analyzeData, { dataId: await workshop.upload('a,b\n1,2\n') });

  const first = await workshop.attempt(analyzeData, taskId);
  await workshop.sql.query({ text: `update task set state = 'RETRY' where id = $1` }, [taskId]);
  const second = await workshop.attempt(analyzeData, taskId);

  expect(second.result).toEqual(first.result);
  expect(await workshop.countFiles()).toEqual({ rows: 2, stored: 2, temporary: 0 });
});

test('a cancelled task stops, says why and leaves nothing', async ({ workshop }) => {
  const dataId = await workshop.upload(`a,b\n${'1,2\n'.repeat(1_000_000)}`);
  const controller = new AbortController();
  const reason = new TaskCancelled('no longer wanted');

  const { error, reports } = await workshop.run(
    analyzeData,
    { dataId },
    { signal: controller.signal, onProgress: ({ current }) => current > 0 && controller.abort(reason) },
  );

  expect(error).toBe(reason);
  expect(reports.at(-1)?.current).toBeLessThan(4_000_000);
  expect(await workshop.countFiles()).toEqual({ rows: 1, stored: 1, temporary: 0 });
});
