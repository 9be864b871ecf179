import { inflateSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { describe, expect } from 'vitest';
import { FailPermanently, SoftTimeLimitExceeded, TaskCancelled } from '../../../src/core/errors.ts';
import { firstIdAt, newId } from '../../../src/core/ids.ts';
import { analyzeData } from '../../../src/tasks/data.ts';
import { generateReport } from '../../../src/tasks/report.ts';
import { csvLine } from '../../../worker/handlers/report-csv.ts';
import { test, type Workshop } from '../../support/handler-context.ts';

const PERIOD = { from: '2026-03-01T00:00:00.000Z', to: '2026-03-03T00:00:00.000Z' };

/** So many users, with 1, 2, 3 … logins. */
async function addUsers({ sql }: Workshop, count: number): Promise<void> {
  const text = `insert into app_user (email, name, login_count, last_activity_at)
    select 'user' || n || '@example.com', 'User ' || n, n, timestamptz '2026-01-01Z' + n * interval '1 hour'
    from generate_series(1, $1::int) n`;
  await sql.query({ text }, [count]);
}

/** Tasks of a day, in this state and for so many milliseconds. */
async function addTasks(
  { sql }: Workshop,
  day: string,
  name: string,
  state: string,
  count: number,
  ms = 0,
): Promise<void> {
  const text = `insert into task (id, name, queue, state, priority, input, max_attempts, created_at, attempt_started_at, finished_at)
    select (left($1::text, 24) || lpad(to_hex($7::int + n), 12, '0'))::uuid, $2::text, 'any', $3::text, 5, '{}', 3, $4::timestamptz,
      $4::timestamptz, case when $3::text = 'PENDING' then null else $4::timestamptz + $6::float8 * interval '1 ms' end
    from generate_series(1, $5::int) n`;
  const salt = [...name, ...state].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 1_000_000, 7) * 1000;
  await sql.query({ text }, [firstIdAt(new Date(day)), name, state, day, count, ms, salt]);
}

async function readTable(workshop: Workshop, fileId: string): Promise<Record<string, string>[]> {
  const { content } = await workshop.read(fileId);
  return parse(content, { columns: true, relax_column_count: true });
}

/** What a PDF draws: its texts and how many filled rectangles, page by page. */
function readPdf(content: Buffer): { texts: string[]; rectangles: number }[] {
  const pages: { texts: string[]; rectangles: number }[] = [];
  const latin = content.toString('latin1');
  for (const match of latin.matchAll(/\/FlateDecode\n>>\nstream\n/g)) {
    const start = match.index + match[0].length;
    const drawn = inflateSync(content.subarray(start, latin.indexOf('\nendstream', start))).toString('latin1');
    const texts = [...drawn.matchAll(/\[(.*)\] TJ/g)].map(([, parts = '']) =>
      [...parts.matchAll(/<([0-9a-f]*)>/g)].map(([, hex = '']) => Buffer.from(hex, 'hex').toString('latin1')).join(''),
    );
    pages.push({ texts, rectangles: [...drawn.matchAll(/ re\n/g)].length });
  }
  return pages;
}

describe('csvLine', () => {
  test.for([
    ['text', 'plain', 'plain'],
    ['a comma', 'a,b', '"a,b"'],
    ['quotes', 'say "a"', '"say ""a"""'],
    ['line breaks', 'a\r\nb', '"a\r\nb"'],
    ['nothing', null, ''],
    ['a negative number', -5, '-5'],
    ['a formula', '=1+1', "'=1+1"],
    ['a formula with a comma', '=SUM(1,2)', `"'=SUM(1,2)"`],
    ['a sign', '+1', "'+1"],
    ['a minus in text', '-1', "'-1"],
    ['an at sign', '@a', "'@a"],
    ['a tab', '\t=1', "'\t=1"],
    ['a return', '\r=1', `"'\r=1"`],
  ] as const)('writes %s', ([, cell, expected]) => {
    expect(csvLine([cell, 'x'])).toBe(`${expected},x\r\n`);
  });
});

test('every user is a row of user-activity, with progress in users', async ({ workshop }) => {
  await addUsers(workshop, 2500);
  await workshop.createUsers([{ email: 'eve@example.com', name: '=HYPERLINK("http://x")', lastActivityAt: null }]);

  const { result, reports } = await workshop.run(generateReport, { kind: 'user-activity', format: 'csv' });

  const { row } = await workshop.read(result.fileId);
  const table = await readTable(workshop, result.fileId);
  expect(result).toEqual({
    fileId: expect.any(String),
    rows: 2501,
    partial: false,
    summary: 'The report "User activity" is ready as CSV: 2501 users.',
  });
  expect(row).toMatchObject({ name: 'user-activity.csv', contentType: 'text/csv;charset=utf-8' });
  expect(table).toHaveLength(2501);
  expect(table[0]).toEqual({
    id: '1',
    name: 'User 1',
    email: 'user1@example.com',
    logins: '1',
    'last active at': '2026-01-01T01:00:00.000Z',
    'created at': expect.stringMatching(/Z$/),
  });
  expect(table.at(-1)).toMatchObject({ name: `'=HYPERLINK("http://x")`, 'last active at': '' });
  expect(reports.map(({ current }) => current)).toEqual([1000, 2000, 2501]);
  expect(reports.at(-1)).toMatchObject({ total: 2501 });
  expect(await workshop.countFiles()).toEqual({ rows: 1, stored: 1, temporary: 0 });
});

test('user-activity in a period holds the users that were last active in it', async ({ workshop }) => {
  await addUsers(workshop, 100);

  const { result } = await workshop.run(generateReport, {
    kind: 'user-activity',
    format: 'csv',
    from: '2026-01-01T10:00:00.000Z',
    to: '2026-01-01T20:00:00.000Z',
  });

  const names = (await readTable(workshop, result.fileId)).map(({ name }) => name);
  expect(names).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19].map((n) => `User ${n}`));
});

test('task-throughput counts the tasks of each day by name and end', async ({ workshop }) => {
  await addTasks(workshop, '2026-02-28T23:59:59.999Z', 'too-early', 'SUCCESS', 1);
  await addTasks(workshop, '2026-03-01T00:00:00.000Z', 'send', 'SUCCESS', 1200, 40);
  await addTasks(workshop, '2026-03-01T12:00:00.000Z', 'send', 'FAILURE', 300, 90);
  await addTasks(workshop, '2026-03-01T13:00:00.000Z', 'count', 'PENDING', 2);
  await addTasks(workshop, '2026-03-02T23:59:59.999Z', 'send', 'REVOKED', 3, 10);
  await addTasks(workshop, '2026-03-03T00:00:00.000Z', 'too-late', 'SUCCESS', 1);

  const { result } = await workshop.run(generateReport, { kind: 'task-throughput', format: 'csv', ...PERIOD });

  const { content } = await workshop.read(result.fileId);
  expect(result).toMatchObject({ rows: 3, partial: false });
  expect(content.toString()).toBe(
    [
      'day,task,enqueued,succeeded,failed,revoked,open,mean duration in ms',
      '2026-03-01,count,2,0,0,0,2,',
      '2026-03-01,send,1500,1200,300,0,0,50',
      '2026-03-02,send,3,0,0,3,0,10',
      '',
    ].join('\r\n'),
  );
});

test('a PDF has the table over several pages and a chart', async ({ workshop }) => {
  await addUsers(workshop, 100);
  await workshop.createUsers([{ email: 'z@example.com', name: 'Zoë 山田', loginCount: 500 }]);

  const { result } = await workshop.run(generateReport, { kind: 'user-activity', format: 'pdf' });

  const { row, content } = await workshop.read(result.fileId);
  const pages = readPdf(content);
  const texts = pages.flatMap((page) => page.texts);
  expect(row).toMatchObject({ name: 'user-activity.pdf', contentType: 'application/pdf' });
  expect(content.subarray(0, 5).toString()).toBe('%PDF-');
  expect(content.toString('latin1').trimEnd().endsWith('%%EOF')).toBe(true);
  expect(pages.length).toBeGreaterThan(3);
  expect(texts).toEqual(expect.arrayContaining(['User activity', 'user1@example.com', 'User 100', 'Zoë ??']));
  expect(pages.slice(0, 3).every((page) => page.texts.includes('email'))).toBe(true);
  expect(pages.at(-1)?.texts).toContain('Users with most logins');
  expect(pages.at(-1)?.rectangles).toBe(31);
});

async function analyze(workshop: Workshop, lines: readonly string[], name = 'sales.csv'): Promise<string> {
  const dataId = await workshop.upload(lines.join('\n'), name, 'text/csv');
  return (await workshop.run(analyzeData, { dataId })).result.analysisId;
}

test('data-analysis has a row for each column of a CSV', async ({ workshop }) => {
  const lines = ['day,=shop,amount', '2026-03-01,"A, B",1', ',C,2', '2026-03-03,"A, B",2'];
  const analysisId = await analyze(workshop, lines);

  const { result, reports } = await workshop.run(generateReport, { kind: 'data-analysis', format: 'csv', analysisId });

  const { row, content } = await workshop.read(result.fileId);
  expect(result).toEqual({
    fileId: expect.any(String),
    rows: 3,
    partial: false,
    summary: 'The report "Analysis of sales.csv" is ready as CSV: 3 rows in 3 columns.',
  });
  expect(row).toMatchObject({ name: 'data-analysis.csv', contentType: 'text/csv;charset=utf-8' });
  expect(content.toString()).toBe(
    [
      'column,type,values,missing,least,greatest,mean,deviation,distinct,commonest',
      'day,date,2,1,2026-03-01,2026-03-03,,,,',
      `'=shop,text,3,0,,,,,2,"A, B (2), C (1)"`,
      'amount,number,3,0,1,2,1.66667,0.57735,,',
      '',
    ].join('\r\n'),
  );
  expect(reports.at(-1)).toMatchObject({ current: 3, total: 3 });
});

test('data-analysis as a PDF has a chart of what the columns hold', async ({ workshop }) => {
  const analysisId = await analyze(workshop, ['day,amount', '2026-03-01,7', ',8'], 'Größe 山.csv');

  const { result } = await workshop.run(generateReport, { kind: 'data-analysis', format: 'pdf', analysisId });

  const [page, ...more] = readPdf((await workshop.read(result.fileId)).content);
  expect(more).toEqual([]);
  expect(page?.texts).toEqual(
    expect.arrayContaining(['Analysis of Größe ?.csv', 'column', 'amount', '7.5', 'Values that are there, by column']),
  );
  expect(page?.rectangles).toBe(3); // the header of the table and a bar for each column
  expect(result.summary).toBe('The report "Analysis of Größe 山.csv" is ready as PDF: 2 rows in 2 columns.');
});

test('data-analysis of what is no analysis fails for good', async ({ workshop }) => {
  const others = ['{"source": "a", "rows": 1}', 'not JSON', `"${'x'.repeat(2 ** 20)}"`];
  for (const other of others) {
    const analysisId = await workshop.upload(other, 'other.json');

    const { error } = await workshop.run(generateReport, { kind: 'data-analysis', format: 'csv', analysisId });

    expect(error).toBeInstanceOf(FailPermanently);
    expect(error).toMatchObject({
      code: 'NOT_AN_ANALYSIS',
      message: 'expected the file that analyze-data has made, got another: "other.json"',
    });
  }
  const missing = await workshop.run(generateReport, { kind: 'data-analysis', format: 'csv', analysisId: newId() });
  expect(missing.error).toMatchObject({ code: 'FILE_NOT_FOUND' });
  expect(await workshop.countFiles()).toEqual({ rows: 3, stored: 3, temporary: 0 });
});

test.for([
  [{ kind: 'data-analysis' }, 'analysisId', 'expected the id of an analysis, as the kind is data-analysis'],
  [
    { kind: 'user-activity', analysisId: newId() },
    'analysisId',
    'expected no id of an analysis, as the kind is not data-analysis',
  ],
  [
    { kind: 'data-analysis', analysisId: newId(), from: PERIOD.from },
    'from',
    'expected no period, as the kind is data-analysis',
  ],
  [
    { kind: 'data-analysis', analysisId: newId(), to: PERIOD.to },
    'to',
    'expected no period, as the kind is data-analysis',
  ],
] as const)('%j is refused', ([payload, field, message]) => {
  const parsed = generateReport.input.safeParse({ format: 'csv', ...payload });

  expect(parsed.error?.issues).toMatchObject([{ path: [field], message }]);
});

test('a report of nothing has its header only', async ({ workshop }) => {
  const csv = await workshop.run(generateReport, { kind: 'task-throughput', format: 'csv', ...PERIOD });
  const pdf = await workshop.run(generateReport, { kind: 'user-activity', format: 'pdf' });

  expect(csv.result).toMatchObject({ rows: 0, partial: false });
  expect(await readTable(workshop, csv.result.fileId)).toEqual([]);
  expect(pdf.result).toMatchObject({ rows: 0, partial: false });
  expect(readPdf((await workshop.read(pdf.result.fileId)).content)).toHaveLength(1);
});

test.for(['csv', 'pdf'] as const)(
  'at the soft time limit a %s holds what there is, and says so',
  async (format, { workshop }) => {
    await addUsers(workshop, 2500);
    const controller = new AbortController();

    const { result } = await workshop.run(
      generateReport,
      { kind: 'user-activity', format },
      { signal: controller.signal, onProgress: () => controller.abort(new SoftTimeLimitExceeded(240)) },
    );

    const { content } = await workshop.read(result.fileId);
    const note = 'This report is partial: it ends after 1000 rows, as its 240 s were over.';
    const summary = `The report "User activity" is ready as ${format.toUpperCase()}: 1000 users. ${note}`;
    expect(result).toEqual({ fileId: expect.any(String), rows: 1000, partial: true, note, summary });
    if (format === 'pdf') {
      expect(readPdf(content).flatMap(({ texts }) => texts)).toEqual(expect.arrayContaining(['User 1000', note]));
    } else {
      const lines = content.toString().trimEnd().split('\r\n');
      expect(lines).toHaveLength(1002);
      expect(lines.at(-1)).toBe(`"# ${note}"`);
    }
  },
);

test('a cancelled report ends with the reason and leaves no file', async ({ workshop }) => {
  await addUsers(workshop, 2500);
  const controller = new AbortController();
  const reason = new TaskCancelled('enough');

  const { error } = await workshop.run(
    generateReport,
    { kind: 'user-activity', format: 'csv' },
    { signal: controller.signal, onProgress: () => controller.abort(reason) },
  );

  expect(error).toBe(reason);
  expect(await workshop.countFiles()).toEqual({ rows: 0, stored: 0, temporary: 0 });
});

test('a report that is made again after its file was stored gives the same file', async ({ workshop }) => {
  await addUsers(workshop, 10);
  const id = await workshop.enqueue(generateReport, { kind: 'user-activity', format: 'csv' });
  const first = await workshop.attempt(generateReport, id);
  await workshop.sql.query({ text: `update task set state = 'RETRY' where id = $1` }, [id]);
  await workshop.createUsers([{ email: 'late@example.com', name: 'Late' }]);

  const second = await workshop.attempt(generateReport, id);

  expect(second.result).toEqual(first.result);
  expect(await workshop.countFiles()).toMatchObject({ rows: 1, stored: 1 });
});

test('a period that ends before it begins is refused', () => {
  const { from, to } = { from: PERIOD.to, to: PERIOD.from };

  const parsed = generateReport.input.safeParse({ kind: 'user-activity', format: 'csv', from, to });

  expect(parsed.error?.issues).toMatchObject([
    { path: ['to'], message: 'expected the end of the period to be later than its beginning' },
  ]);
});
