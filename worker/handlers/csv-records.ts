import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { parse, type Options } from 'csv-parse/sync';

/** A record of a CSV file, not yet taken apart. */
export interface CsvRecord {
  /** The number of its first line; that of the file's first line is 1. */
  line: number;
  text: string;
  /** Why it is none. */
  problem?: string;
}

/** Records that follow each other, and how many bytes of the file have been read so far. */
export interface CsvBatch {
  records: CsvRecord[];
  bytes: number;
}

/** A record with a line break in quotes has so many lines at most. */
const RECORD_LINES_MAX = 20;
/** In characters. */
const LINE_MAX = 16_384;

const OPTIONS: Options = { record_delimiter: '\n', relax_column_count: true, trim: true };

/**
 * Reads the records of a CSV file in UTF-8, with or without a byte order mark, whose lines end with LF or CRLF, in batches
 * of `size` and bounded memory. Empty lines are left out, and counted in `skipped`. The batches depend on the content only.
 *
 * A quote that is not closed costs its own line and no other: what follows is read again as if that line were not there.
 * (A parser of the whole stream would take the rest of the file for one field.)
 */
export async function* readCsv(
  content: Readable,
  size: number,
  skipped: { emptyLines: number } = { emptyLines: 0 },
): AsyncGenerator<CsvBatch> {
  const splitter = new RecordSplitter(skipped);
  const decoder = new StringDecoder('utf8');
  let bytes = 0;
  for await (const chunk of content as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    splitter.add(decoder.write(chunk));
    for (const records of splitter.takeBatches(size)) yield { records, bytes };
  }
  splitter.finish(decoder.end());
  for (const records of splitter.takeBatches(size)) yield { records, bytes };
  const rest = splitter.takeRest();
  if (rest.length > 0) yield { records: rest, bytes };
}

/** Whether fields are whole text: a NUL, or U+FFFD in place of bytes that are no UTF-8, says that the file is something else. */
export function isText(fields: readonly string[]): boolean {
  return fields.every((field) => !field.includes('\u0000') && !field.includes('\u{fffd}'));
}

/** The fields of each record, trimmed; null where the quotes are wrong. */
export function parseRecords(records: readonly CsvRecord[]): (string[] | null)[] {
  const texts = records.map(({ text }) => text);
  const all = tryParse(texts.join('\n'));
  if (all?.length === texts.length) return all;
  return texts.map((text) => {
    const parsed = tryParse(text);
    return parsed?.length === 1 ? (parsed[0] ?? null) : null;
  });
}

function tryParse(text: string): string[][] | null {
  try {
    return parse(text, OPTIONS);
  } catch {
    return null;
  }
}

interface Line {
  number: number;
  text: string;
}

/** Makes records of text that comes in pieces. */
class RecordSplitter {
  readonly #skipped: { emptyLines: number };
  #records: CsvRecord[] = [];
  #lines = 0;
  /** What has come of a line whose end has not. */
  #tail = '';
  #isTailTooLong = false;
  /** The lines of a record whose quotes are still open. */
  #open: Line[] = [];

  constructor(skipped: { emptyLines: number }) {
    this.#skipped = skipped;
  }

  add(text: string): void {
    const parts = text.split('\n');
    const last = parts.length - 1;
    for (const [index, part] of parts.entries()) {
      this.#extend(part);
      if (index < last) this.#endLine();
    }
  }

  finish(text: string): void {
    this.add(text);
    if (this.#tail !== '' || this.#isTailTooLong) this.#endLine();
    while (this.#open.length > 0) this.#giveUpFirst();
  }

  *takeBatches(size: number): Generator<CsvRecord[]> {
    let taken = 0;
    for (; this.#records.length - taken >= size; taken += size) yield this.#records.slice(taken, taken + size);
    this.#records = this.#records.slice(taken);
  }

  takeRest(): CsvRecord[] {
    return this.#records.splice(0);
  }

  #extend(part: string): void {
    if (this.#tail.length + part.length > LINE_MAX) this.#isTailTooLong = true;
    else this.#tail += part;
  }

  #endLine(): void {
    this.#lines += 1;
    const line = { number: this.#lines, text: this.#textOfLine() };
    const isTooLong = this.#isTailTooLong;
    this.#tail = '';
    this.#isTailTooLong = false;
    if (!isTooLong) return this.#take(line);
    while (this.#open.length > 0) this.#giveUpFirst();
    this.#records.push({ line: line.number, text: '', problem: `expected a line of at most ${LINE_MAX} characters` });
  }

  #textOfLine(): string {
    const text = this.#tail.endsWith('\r') ? this.#tail.slice(0, -1) : this.#tail;
    return this.#lines === 1 && text.startsWith('\u{feff}') ? text.slice(1) : text;
  }

  #take(line: Line): void {
    const isBalanced = !hasOpenQuote(line.text);
    if (this.#open.length === 0) {
      if (!isBalanced) this.#open.push(line);
      else if (line.text.trim() === '') this.#skipped.emptyLines += 1;
      else this.#records.push({ line: line.number, text: line.text });
      return;
    }
    this.#open.push(line);
    if (!isBalanced) this.#close();
    else if (this.#open.length >= RECORD_LINES_MAX) this.#giveUpFirst();
  }

  /** All quotes have their partners: a record, unless they stand in the wrong places. */
  #close(): void {
    const [first] = this.#open;
    const text = this.#open.map((line) => line.text).join('\n');
    if (!first || tryParse(text)?.length !== 1) return this.#giveUpFirst();
    this.#records.push({ line: first.number, text });
    this.#open = [];
  }

  #giveUpFirst(): void {
    const [first, ...others] = this.#open;
    this.#open = [];
    if (first) this.#records.push({ line: first.number, text: '', problem: 'expected a closing quote' });
    for (const line of others) this.#take(line);
  }
}

function hasOpenQuote(text: string): boolean {
  let isOpen = false;
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) isOpen = !isOpen;
  return isOpen;
}
