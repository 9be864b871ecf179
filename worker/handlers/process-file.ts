import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Payload } from '../../src/core/define-task.ts';
import { FailPermanently } from '../../src/core/errors.ts';
import type { processFile as contract } from '../../src/tasks/file.ts';
import type { TaskHandler } from '../task-handler.ts';
import { fetchSource, storeOutcome, untilAborted } from './source-file.ts';

type Operation = Payload<typeof contract>['operation'];

/** What sees all lines holds them in memory. */
const LINES_MAX_BYTES = 100 * 2 ** 20;
/** In characters. */
const PIECE_LENGTH = 2 ** 16;

const CHANGES: Record<Operation, (texts: AsyncIterable<string>) => AsyncIterable<string>> = {
  uppercase: (texts) => mapTexts(texts, (text) => text.toUpperCase()),
  lowercase: (texts) => mapTexts(texts, (text) => text.toLowerCase()),
  'sort-lines': (texts) => mapLines(texts, (lines) => lines.toSorted()),
  'deduplicate-lines': (texts) => mapLines(texts, (lines) => new Set(lines)),
};

/**
 * Changes a file of UTF-8 text. Letters change in bounded memory. Lines are ended by `\n` and compared code unit by code
 * unit; of equal lines the first stays, and a last one that is not ended gets its end.
 *
 * Fails for good with FILE_NOT_FOUND, FILE_TOO_LARGE, and with NOT_TEXT for what is no UTF-8.
 */
export const processFile: TaskHandler<typeof contract> = async ({ fileId, operation }, context) => {
  const { signal, tempFile, progress } = context;
  const isOfLines = operation === 'sort-lines' || operation === 'deduplicate-lines';
  const { row, path } = await fetchSource(context, fileId, { maxBytes: isOfLines ? LINES_MAX_BYTES : Infinity });
  const changed = await tempFile('changed');
  const texts = decode(createReadStream(path, { signal }), (bytes) => progress(bytes, row.size));
  await untilAborted(signal, pipeline(CHANGES[operation](texts), createWriteStream(changed), { signal }));
  const { id, size } = await storeOutcome(context, {
    sourceName: row.name,
    contentType: row.contentType,
    content: createReadStream(changed),
  });
  return { fileId: id, bytes: size };
};

async function* decode(chunks: AsyncIterable<Buffer>, report: (bytes: number) => void): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let bytes = 0;
  for await (const chunk of chunks) {
    yield decodeOrFail(decoder, chunk);
    bytes += chunk.length;
    report(bytes);
  }
  yield decodeOrFail(decoder);
}

function decodeOrFail(decoder: TextDecoder, chunk?: Buffer): string {
  try {
    return decoder.decode(chunk, { stream: chunk !== undefined });
  } catch (error) {
    throw new FailPermanently('NOT_TEXT', 'expected a file of UTF-8 text, got other bytes', { cause: error });
  }
}

async function* mapTexts(texts: AsyncIterable<string>, change: (text: string) => string): AsyncGenerator<string> {
  for await (const text of texts) yield change(text);
}

async function* mapLines(
  texts: AsyncIterable<string>,
  change: (lines: string[]) => Iterable<string>,
): AsyncGenerator<string> {
  yield* joinLines(change(await readLines(texts)));
}

async function readLines(texts: AsyncIterable<string>): Promise<string[]> {
  const lines: string[] = [];
  let open = '';
  for await (const text of texts) {
    const parts = `${open}${text}`.split('\n');
    open = parts.pop() ?? '';
    for (const line of parts) lines.push(line);
  }
  return open === '' ? lines : [...lines, open];
}

function* joinLines(lines: Iterable<string>): Generator<string> {
  let piece = '';
  for (const line of lines) {
    piece += `${line}\n`;
    if (piece.length < PIECE_LENGTH) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}
