import { Readable } from 'node:stream';
import { parse } from 'csv-parse/sync';
import * as fc from 'fast-check';
import { expect } from 'vitest';
import { FailPermanently, TaskCancelled } from '../../../src/core/errors.ts';
import { newId } from '../../../src/core/ids.ts';
import { preprocessData } from '../../../src/tasks/data.ts';
import { ColumnTypeDetector } from '../../../worker/handlers/column-type.ts';
import { test, type Workshop } from '../../support/handler-context.ts';

async function preprocess(workshop: Workshop, content: string | Uint8Array) {
  return workshop.run(preprocessData, { fileId: await workshop.upload(content, 'sales.txt') });
}

test('a CSV is cleaned: cells trimmed, empty and malformed lines left out and counted', async ({ workshop }) => {
  const lines = [
    '\u{feff} day , "shop, no." ,amount',
    '2026-03-01,  A ,12.5',
    '',
    '2026-03-02,"B ""b"", x","  7 "',
    ' , "" ,',
    'one,too,many,fields',
    'too few',
    '2026-03-03,"C,1',
    '2026-03-04,D"d"d,2',
    '2026-03-05,E\u0000,3',
    '2026-03-06,"two',
    'lines",-4',
    '   ',
    '2026-03-07,,5',
    '2026-03-08,F,6',
    '',
  ];

  const { result } = await preprocess(workshop, lines.join('\r\n'));

  const { row, content } = await workshop.read(result.data.id);
  expect(result).toEqual({
    data: {
      id: expect.any(String),
      rows: 5,
      rejected: 5,
      empty: 3,
      errors: [
        { line: 6, reason: 'expected 3 fields, got: 4' },
        { line: 7, reason: 'expected 3 fields, got: 1' },
        { line: 8, reason: 'expected a closing quote' },
        { line: 9, reason: 'expected quotes around whole fields only' },
        { line: 10, reason: 'expected UTF-8 text' },
      ],
      columns: [
        { name: 'day', type: 'date' },
        { name: 'shop, no.', type: 'text' },
        { name: 'amount', type: 'number' },
      ],
    },
  });
  expect(row).toMatchObject({ name: 'sales.csv', contentType: 'text/csv;charset=utf-8' });
  expect(parse(content)).toEqual([
    ['day', 'shop, no.', 'amount'],
    ['2026-03-01', 'A', '12.5'],
    ['2026-03-02', 'B "b", x', '7'],
    ['2026-03-06', 'two\nlines', '-4'],
    ['2026-03-07', '', '5'],
    ['2026-03-08', 'F', '6'],
  ]);
  expect(await workshop.countFiles()).toEqual({ rows: 2, stored: 2, temporary: 0 });
});

test.for([
  [['1', '-2.50', '0.1', '1e3'], 'number'],
  [['0', '-0', '123456789012345'], 'number'],
  [['1', 'x'], 'text'],
  [['1', '2026-03-01'], 'text'],
  [['2026-03-01', '1'], 'text'],
  [['01067', '04109'], 'text'],
  [['1,5'], 'text'],
  [['1234567890123456'], 'text'],
  [['1e100'], 'text'],
  [['NaN', 'Infinity'], 'text'],
  [['2026-03-01', '2026-03-01T10:00', '2026-03-01 10:00:00.5Z', '2026-03-01T10:00:00+02:00'], 'date'],
  [['2024-02-29'], 'date'],
  [['2026-02-29'], 'text'],
  [['2026-03-01T25:00'], 'text'],
  [['01.03.2026'], 'text'],
  [[], 'text'],
] as const)('a column of %j is %s', ([values, type]) => {
  const detector = new ColumnTypeDetector();

  for (const value of values) detector.add(value);

  expect(detector.type).toBe(type);
});

test('what has no name in the header gets one, and a header may be all there is', async ({ workshop }) => {
  const { result, reports } = await preprocess(workshop, ',name,2026,""\n');

  expect(result.data).toMatchObject({ rows: 0, rejected: 0, empty: 0 });
  expect(result.data.columns.map(({ name }: any) => name)).toEqual(['column_1', 'name', '2026', 'column_4']);
  expect((await workshop.read(result.data.id)).content.toString()).toBe('column_1,name,2026,column_4\r\n');
  expect(reports.at(-1)).toMatchObject({ current: 14, total: 14 });
});

test.for([
  ['', 'CSV_HEADER_INVALID', 'expected the first line to have the names of the columns, got: ""'],
  ['\n \n', 'CSV_HEADER_INVALID', 'expected the first line to have the names of the columns, got: ""'],
  [
    '1,2026-03-01\n',
    'CSV_HEADER_INVALID',
    'expected the first line to have the names of the columns, got: "1,2026-03-01"',
  ],
  [',,\na,b,c\n', 'CSV_HEADER_INVALID', 'expected the first line to have the names of the columns, got: ",,"'],
  ['a,b, a\n', 'CSV_HEADER_INVALID', 'expected the first line to have names that differ, got: "a"'],
  ['a;b\n1;2\n', 'CSV_HEADER_INVALID', 'expected the first line to have names that commas separate, got: "a;b"'],
  [`a${',a'.repeat(100)}\n`, 'CSV_HEADER_INVALID', 'expected the first line to have at most 100 columns, got: "101"'],
  [
    '{"a": 1}\n',
    'CSV_HEADER_INVALID',
    'expected the first line to have the names of the columns, with quotes around whole fields only, got: "{\\"a\\": 1}"',
  ],
  ['a,b\n1\n2\n3,4\n', 'NOT_CSV', 'expected lines of 2 fields as the header has, got 2 others among 3'],
  [Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), 'NOT_TEXT', 'expected a CSV of UTF-8 text, got other bytes'],
  [Buffer.from('PK\x03\x04\x14\x00'), 'NOT_TEXT', 'expected a CSV of UTF-8 text, got other bytes'],
] as const)('%j fails for good with %s and leaves nothing', async ([content, code, message], { workshop }) => {
  const { error } = await preprocess(workshop, content);

  expect(error).toBeInstanceOf(FailPermanently);
  expect(error).toMatchObject({ code, message });
  expect(await workshop.countFiles()).toEqual({ rows: 1, stored: 1, temporary: 0 });
});

test('an unknown file fails for good', async ({ workshop }) => {
  const { error } = await workshop.run(preprocessData, { fileId: newId() });

  expect(error).toMatchObject({ code: 'FILE_NOT_FOUND' });
});

test('of many malformed lines the first twenty are told', async ({ workshop }) => {
  const { result } = await preprocess(workshop, `a,b\n${'1,2\nbad\n'.repeat(1500)}`);

  expect(result.data).toMatchObject({ rows: 1500, rejected: 1500 });
  expect(result.data.errors.map(({ line }: any) => line)).toEqual(Array.from({ length: 20 }, (_, at) => 3 + 2 * at));
});

test('what is clean stays as it is', async ({ workshop }) => {
  const cell = fc.string({
    unit: fc.constantFrom('a', 'é', '😀', ',', '"', '\n', '\r', ' ', '1', '\u{feff}'),
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(cell, cell), { maxLength: 5 }), async (cells) => {
      const lines = cells.map((row) => row.map((text) => `"${text.replaceAll('"', '""')}"`).join(','));
      const first = await preprocess(workshop, ['one,two', ...lines].join('\r\n'));
      const once = await workshop.read(first.result.data.id);

      const second = await workshop.run(preprocessData, { fileId: first.result.data.id });

      expect(first.result.data.rejected).toBe(0);
      expect(second.result.data).toMatchObject({ rows: first.result.data.rows, rejected: 0, empty: 0 });
      expect((await workshop.read(second.result.data.id)).content).toEqual(once.content);
    }),
    { numRuns: 50 },
  );
});

test('progress is in bytes', async ({ workshop }) => {
  const text = `a,b\n${'1,2\n'.repeat(100_000)}`;

  const { reports } = await preprocess(workshop, text);

  const currents = reports.map(({ current }) => current);
  expect(currents).toEqual(currents.toSorted((a, b) => a - b));
  expect(new Set(currents).size).toBeGreaterThan(5);
  expect(reports.every(({ total }) => total === text.length)).toBe(true);
  expect(reports.at(-1)).toMatchObject({ current: text.length });
});

test('an attempt after a finished one has the same result and stores nothing more', async ({ workshop }) => {
  const taskId = await workshop.enqueue(preprocessData, { fileId: await workshop.upload('a,b\n1,2\n') });

  const first = await workshop.attempt(preprocessData, taskId);
  await workshop.sql.query({ text: `update task set state = 'RETRY' where id = $1` }, [taskId]);
  const second = await workshop.attempt(preprocessData, taskId);

  expect(second.result).toEqual(first.result);
  expect(await workshop.countFiles()).toEqual({ rows: 2, stored: 2, temporary: 0 });
});

test('a cancelled task stops, says why and leaves nothing', async ({ workshop }) => {
  const fileId = await workshop.upload(Readable.from([Buffer.from('a,b\n'), Buffer.alloc(4_000_000, '1,2\n')]));
  const controller = new AbortController();
  const reason = new TaskCancelled('no longer wanted');

  const { error, reports } = await workshop.run(
    preprocessData,
    { fileId },
    { signal: controller.signal, onProgress: ({ current }) => current > 0 && controller.abort(reason) },
  );

  expect(error).toBe(reason);
  expect(reports.at(-1)?.current).toBeLessThan(4_000_000);
  expect(await workshop.countFiles()).toEqual({ rows: 1, stored: 1, temporary: 0 });
});
