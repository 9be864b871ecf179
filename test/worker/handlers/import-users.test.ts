import { Readable } from 'node:stream';
import * as fc from 'fast-check';
import { describe, expect } from 'vitest';
import { FailPermanently, TaskCancelled } from '../../../src/core/errors.ts';
import { newId } from '../../../src/core/ids.ts';
import { importUsers } from '../../../src/tasks/file.ts';
import { type CsvBatch, type CsvRecord, parseRecords, readCsv } from '../../../worker/handlers/csv-records.ts';
import { test, type Workshop } from '../../support/handler-context.ts';

async function recordsOf(chunks: readonly Uint8Array[], size = 1000): Promise<CsvRecord[]> {
  const batches: CsvBatch[] = [];
  for await (const batch of readCsv(Readable.from(chunks), size)) batches.push(batch);
  expect(batches.slice(0, -1).every(({ records }) => records.length === size)).toBe(true);
  return batches.flatMap(({ records }) => records);
}

describe('readCsv', () => {
  test.for([
    [
      'LF',
      'a,b\nc,d\n',
      [
        [1, ['a', 'b']],
        [2, ['c', 'd']],
      ],
    ],
    [
      'CRLF and no last line end',
      'a,b\r\nc,d',
      [
        [1, ['a', 'b']],
        [2, ['c', 'd']],
      ],
    ],
    ['a byte order mark', '\u{feff}a,b\n', [[1, ['a', 'b']]]],
    [
      'empty lines',
      '\n\na,b\n \r\nc,d\n\n',
      [
        [3, ['a', 'b']],
        [5, ['c', 'd']],
      ],
    ],
    [
      'quoted fields',
      '"a, ""A""",b\n"","c"\n',
      [
        [1, ['a, "A"', 'b']],
        [2, ['', 'c']],
      ],
    ],
    [
      'a line break in quotes',
      'a,"b\r\nB"\nc,d\n',
      [
        [1, ['a', 'b\nB']],
        [3, ['c', 'd']],
      ],
    ],
    ['spaces around fields', ' a , "b" \n', [[1, ['a', 'b']]]],
    [
      'more and fewer fields',
      'a\na,b,c\n',
      [
        [1, ['a']],
        [2, ['a', 'b', 'c']],
      ],
    ],
    [
      'a quote in the wrong place',
      'a,b"b"\nc,d\n',
      [
        [1, null],
        [2, ['c', 'd']],
      ],
    ],
    [
      'a quote that is not closed',
      'a,"b\nc,d\ne,f\n',
      [
        [1, 'expected a closing quote'],
        [2, ['c', 'd']],
        [3, ['e', 'f']],
      ],
    ],
    [
      'two quotes that are not closed',
      'a,"b\nc,d\n"e,f\ng,h\n',
      [
        [1, 'expected a closing quote'],
        [2, ['c', 'd']],
        [3, 'expected a closing quote'],
        [4, ['g', 'h']],
      ],
    ],
  ] as const)('reads %s', async ([, text, expected]) => {
    const records = await recordsOf([Buffer.from(text)]);

    const fields = parseRecords(records);
    expect(records.map(({ line, problem }, at) => [line, problem ?? fields[at]])).toEqual(expected);
  });

  test('a line that is too long costs no memory and no other line', async () => {
    const records = await recordsOf(
      ['a,b\n', ...Array(100).fill('x'.repeat(10_000)), '\nc,"d\n', 'y'.repeat(20_000), '\ne,f'].map((text: string) =>
        Buffer.from(text),
      ),
    );

    expect(records).toEqual([
      { line: 1, text: 'a,b' },
      { line: 2, text: '', problem: 'expected a line of at most 16384 characters' },
      { line: 3, text: '', problem: 'expected a closing quote' },
      { line: 4, text: '', problem: 'expected a line of at most 16384 characters' },
      { line: 5, text: 'e,f' },
    ]);
  });

  test('a line break in quotes comes to an end after twenty lines', async () => {
    const records = await recordsOf([Buffer.from(`"a\n${'b,c\n'.repeat(30)}d",e\nf,g\n`)]);

    expect(records.filter(({ problem }) => problem).map(({ line }) => line)).toEqual([1, 32]);
    expect(records).toHaveLength(33);
  });

  test('the records are the same however the content is cut', async () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'é', '😀', ',', '"', '\n', '\r', ' '), maxLength: 200 });
    const cuts = fc.array(fc.nat(300), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(text, cuts, async (content, at) => {
        const bytes = Buffer.from(content);
        const ends = [...at.toSorted((a, b) => a - b), bytes.length];
        const chunks = ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));

        expect(await recordsOf(chunks, 3)).toEqual(await recordsOf([bytes]));
      }),
      { numRuns: 500 },
    );
  });
});

async function importText(workshop: Workshop, text: string | Uint8Array) {
  return workshop.run(importUsers, { fileId: await workshop.upload(text) });
}

test('users are created, and those with the same address renamed', async ({ workshop }) => {
  await workshop.createUsers([{ email: 'ada@example.com', name: 'A.', loginCount: 3 }]);

  const { result } = await importText(
    workshop,
    '\u{feff}email,name\r\nada@example.com,Ada\r\n"bob@example.com","Bob ""B"", Jr."\r\n',
  );

  expect(result).toEqual({ imported: 1, updated: 1, rejected: 0, errors: [] });
  expect(await workshop.users()).toEqual([
    { email: 'ada@example.com', name: 'Ada' },
    { email: 'bob@example.com', name: 'Bob "B", Jr.' },
  ]);
});

test('bad lines are reported by number and reason, the others imported', async ({ workshop }) => {
  const lines = [
    'Email , NAME',
    'ada@example.com,Ada',
    'no address,Bob',
    'carl@example.com',
    'dora@example.com,Dora,extra',
    'eve@example.com,"Eve',
    'finn@example.com, ',
    `${'g'.repeat(250)}@example.com,Gus`,
    `hal@example.com,${'h'.repeat(201)}`,
    'ida@example.com,I"d"a',
    'jo@example.com,J\u0000o',
    'kim@example.com,Kim',
  ];

  const { result } = await importText(workshop, lines.join('\n'));

  expect(result).toEqual({
    imported: 2,
    updated: 0,
    rejected: 9,
    errors: [
      { line: 3, reason: 'expected an email address' },
      { line: 4, reason: 'expected 2 fields, got: 1' },
      { line: 5, reason: 'expected 2 fields, got: 3' },
      { line: 6, reason: 'expected a closing quote' },
      { line: 7, reason: 'expected a name' },
      { line: 8, reason: 'expected an email address of at most 254 characters' },
      { line: 9, reason: 'expected a name of at most 200 characters' },
      { line: 10, reason: 'expected quotes around whole fields only' },
      { line: 11, reason: 'expected UTF-8 text' },
    ],
  });
  expect((await workshop.users()).map(({ email }) => email)).toEqual(['ada@example.com', 'kim@example.com']);
});

test('bytes that are no UTF-8 cost their line', async ({ workshop }) => {
  const latin1 = Buffer.from('email,name\nzoe@example.com,Zoë\nbob@example.com,Bob\n', 'latin1');

  const { result } = await importText(workshop, latin1);

  expect(result).toMatchObject({ imported: 1, rejected: 1, errors: [{ line: 2, reason: 'expected UTF-8 text' }] });
});

test('of several lines with one address the last counts, within a batch and beyond', async ({ workshop }) => {
  const others = Array.from({ length: 1500 }, (_, at) => `user${at}@example.com,User ${at}`);
  const lines = ['email,name', 'ada@example.com,1', 'ada@example.com,2', ...others, 'ada@example.com,3'];

  const { result } = await importText(workshop, lines.join('\n'));

  expect(result).toEqual({ imported: 1501, updated: 2, rejected: 0, errors: [] });
  expect((await workshop.users()).find(({ email }) => email === 'ada@example.com')).toMatchObject({ name: '3' });
});

test('of many errors the first hundred are told', async ({ workshop }) => {
  const { result } = await importText(workshop, `email,name\n${'bad\n'.repeat(2500)}`);

  expect(result).toMatchObject({ imported: 0, updated: 0, rejected: 2500 });
  expect(result.errors.map(({ line }: { line: number }) => line)).toEqual(
    Array.from({ length: 100 }, (_, at) => at + 2),
  );
});

test.for([
  '',
  '\n',
  'ada@example.com,Ada\n',
  'name,email\n',
  'email;name\n',
  'email,name,age\n',
  '"email,name\n',
  '\u0000',
])('the header %j fails for good', async (text, { workshop }) => {
  const { error } = await importText(workshop, text);

  expect(error).toBeInstanceOf(FailPermanently);
  expect(error).toMatchObject({
    code: 'CSV_HEADER_INVALID',
    message: expect.stringMatching(/^expected the first line to be email,name, got: "/),
  });
  expect(await workshop.users()).toEqual([]);
});

test('a file with the header only has no users', async ({ workshop }) => {
  const { result, reports } = await importText(workshop, 'email,name');

  expect(result).toEqual({ imported: 0, updated: 0, rejected: 0, errors: [] });
  expect(reports.at(-1)).toMatchObject({ current: 10, total: 10 });
});

test('an unknown file fails for good', async ({ workshop }) => {
  const { error } = await workshop.run(importUsers, { fileId: newId() });

  expect(error).toMatchObject({ code: 'FILE_NOT_FOUND' });
});

test('an attempt that is cut off is gone on with, no row is imported twice', async ({ workshop }) => {
  const lines = Array.from({ length: 50_000 }, (_, at) => `user${at}@example.com,User ${at}`);
  const fileId = await workshop.upload(['email,name', ...lines].join('\n'));
  const taskId = await workshop.enqueue(importUsers, { fileId });
  const reason = new TaskCancelled('cut off');
  const controller = new AbortController();
  let reports = 0;

  const cut = await workshop.attempt(importUsers, taskId, {
    signal: controller.signal,
    onProgress: () => (reports += 1) === 20 && controller.abort(reason),
  });
  const done = await workshop.steps(taskId);
  await workshop.orm.em.fork().execute(`update app_user set name = 'done before'`);
  const { result } = await workshop.attempt(importUsers, taskId);

  expect(cut.error).toBe(reason);
  expect(done.length).toBeGreaterThanOrEqual(19);
  expect(done.length).toBeLessThan(50);
  expect(result).toEqual({ imported: 50_000, updated: 0, rejected: 0, errors: [] });
  const users = await workshop.users();
  expect(users).toHaveLength(50_000);
  // The header takes a place in the first batch.
  expect(users.filter(({ name }) => name === 'done before')).toHaveLength(done.length * 1000 - 1);
});
