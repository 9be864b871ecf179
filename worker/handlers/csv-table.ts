import type { Readable } from 'node:stream';
import { FailPermanently } from '../../src/core/errors.ts';
import { type CsvRecord, isText, parseRecords, readCsv } from './csv-records.ts';

/** Rows of a table, and how many bytes of the file have been read so far. */
export interface TableBatch {
  columns: readonly string[];
  /** Trimmed, each of as many cells as there are columns; `''` where a value is missing. */
  rows: string[][];
  bytes: number;
}

/** What was left out of a table while it was read. */
export interface TableTally {
  rows: number;
  /** Malformed lines. */
  rejected: number;
  /** Lines without a value. */
  empty: number;
  /** The first malformed lines. */
  errors: { line: number; reason: string }[];
}

const BATCH_SIZE = 1000;
const ERRORS_MAX = 20;
const COLUMNS_MAX = 100;
/** In characters. */
const NAME_MAX = 100;

/**
 * Reads a CSV with a header as a table in bounded memory, in batches, and counts in `tally`. A table of no rows has one
 * batch. Lines that have no value, and lines that don't have the header's number of fields, are left out.
 *
 * Fails for good with NOT_TEXT, CSV_HEADER_INVALID, and in the end with NOT_CSV when most of the lines did not fit.
 */
export async function* readTable(content: Readable, tally: TableTally): AsyncGenerator<TableBatch> {
  const skipped = { emptyLines: 0 };
  let columns: string[] | undefined;
  for await (const { records, bytes } of readCsv(content, BATCH_SIZE, skipped)) {
    columns ??= parseHeader(records.shift());
    const rows = checkRecords(records, columns.length, tally);
    tally.rows += rows.length;
    yield { columns, rows, bytes };
  }
  columns ??= parseHeader(undefined);
  tally.empty += skipped.emptyLines;
  requireMost(columns.length, tally);
}

/** Of a table that has not been read. */
export function emptyTally(): TableTally {
  return { rows: 0, rejected: 0, empty: 0, errors: [] };
}

function parseHeader(record: CsvRecord | undefined): string[] {
  if (!record) throw headerInvalid('the names of the columns', '');
  if (!isText([record.text])) throw new FailPermanently('NOT_TEXT', 'expected a CSV of UTF-8 text, got other bytes');
  const [fields] = parseRecords([record]);
  if (record.problem !== undefined || !fields) {
    throw headerInvalid('the names of the columns, with quotes around whole fields only', record.text);
  }
  return checkNames(fields.map(cleanCell), record.text);
}

/** A line of nothing but numbers, dates and gaps is a row and no header. */
const NO_NAME = /^[-+.,:/\d\s]*$/;

function checkNames(given: readonly string[], text: string): string[] {
  if (given.length > COLUMNS_MAX) throw headerInvalid(`at most ${COLUMNS_MAX} columns`, `${given.length}`);
  if (given.every((name) => NO_NAME.test(name))) throw headerInvalid('the names of the columns', text);
  if (given.length === 1 && /[;\t|]/.test(given[0] ?? '')) throw headerInvalid('names that commas separate', text);
  const names = given.map((name, at) => (name === '' ? `column_${at + 1}` : name));
  for (const [at, name] of names.entries()) {
    if (name.length > NAME_MAX) throw headerInvalid(`names of at most ${NAME_MAX} characters`, name);
    if (names.indexOf(name) < at) throw headerInvalid('names that differ', name);
  }
  return names;
}

function headerInvalid(expected: string, got: string): FailPermanently {
  const shown = JSON.stringify(got.slice(0, 100).toWellFormed());
  return new FailPermanently('CSV_HEADER_INVALID', `expected the first line to have ${expected}, got: ${shown}`);
}

function checkRecords(records: readonly CsvRecord[], width: number, tally: TableTally): string[][] {
  const rows: string[][] = [];
  const parsed = parseRecords(records);
  for (const [at, { line, problem }] of records.entries()) {
    const fields = parsed[at] ?? null;
    const reason = problem ?? problemOf(fields, width);
    if (reason !== undefined) reject(tally, line, reason);
    else {
      const row = (fields ?? []).map(cleanCell);
      if (row.every((cell) => cell === '')) tally.empty += 1;
      else rows.push(row);
    }
  }
  return rows;
}

function problemOf(fields: readonly string[] | null, width: number): string | undefined {
  if (!fields) return 'expected quotes around whole fields only';
  if (fields.length !== width) return `expected ${width} fields, got: ${fields.length}`;
  return isText(fields) ? undefined : 'expected UTF-8 text';
}

function reject(tally: TableTally, line: number, reason: string): void {
  tally.rejected += 1;
  if (tally.errors.length < ERRORS_MAX) tally.errors.push({ line, reason });
}

/** A lone return would end a line for other readers. */
function cleanCell(field: string): string {
  return field.replaceAll('\r', ' ').trim();
}

/** What is no CSV may begin with something that looks like a header. */
function requireMost(width: number, { rows, rejected }: TableTally): void {
  if (rejected <= rows) return;
  throw new FailPermanently(
    'NOT_CSV',
    `expected lines of ${width} fields as the header has, got ${rejected} others among ${rows + rejected}`,
  );
}
