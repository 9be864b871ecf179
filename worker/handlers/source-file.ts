import { createWriteStream } from 'node:fs';
import { addAbortSignal, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { FailPermanently } from '../../src/core/errors.ts';
import { StoredFile, type StoredFileRow } from '../../src/db/entities/stored-file.ts';
import { readStoredFile } from '../../src/operations/read-file.ts';
import { storeFile, type StoredFileData } from '../../src/operations/store-file.ts';
import type { TaskContext } from '../task-handler.ts';

/** A stored file, copied into a temporary one. */
export interface SourceFile {
  row: StoredFileRow;
  path: string;
}

/** How large a source may be. */
export interface SourceLimit {
  maxBytes: number;
  /** Default FILE_TOO_LARGE. */
  code?: string;
}

/**
 * Copies a stored file into a temporary one. Fails for good with FILE_NOT_FOUND, and above the limit; rejects with the
 * signal's reason.
 */
export async function fetchSource(
  context: TaskContext,
  fileId: string,
  { maxBytes, code = 'FILE_TOO_LARGE' }: SourceLimit = { maxBytes: Infinity },
): Promise<SourceFile> {
  const { resources, signal, tempFile } = context;
  const { row, content } = await readStoredFile(resources, fileId);
  if (row.size > maxBytes) {
    content.destroy();
    throw new FailPermanently(code, `expected a file of at most ${maxBytes} bytes, got: ${row.size}`);
  }
  const path = await tempFile('source');
  await untilAborted(signal, pipeline(content, createWriteStream(path), { signal }));
  return { row, path };
}

/** What a task has made of a file. */
export interface Outcome {
  sourceName: string;
  /** Replaces the source's; default the same. */
  extension?: string;
  contentType: string;
  /** Of bytes. */
  content: Readable;
}

/**
 * Stores what a task has made as a new file, once: its row and the step that says so are one transaction, and an attempt
 * after that gets the same file.
 */
export function storeOutcome(context: TaskContext, outcome: Outcome): Promise<StoredFileData> {
  return storeOutcomeWith(context, outcome, (data) => data);
}

/** As {@link storeOutcome}; answers what `describe` makes of the stored file, which a later attempt gets too. */
export async function storeOutcomeWith<Kept extends { id: string }>(
  context: TaskContext,
  outcome: Outcome,
  describe: (data: StoredFileData) => Kept,
): Promise<Kept> {
  const { resources, signal, step } = context;
  const { sourceName, extension, contentType, content } = outcome;
  const file = { name: nameOf(sourceName, extension), contentType, content: addAbortSignal(signal, content) };
  const keep = (data: StoredFileData) =>
    step('stored', (em) => {
      em.create(StoredFile, { ...data, createdAt: new Date() });
      return describe(data);
    });
  return untilAborted(signal, storeFile(resources.files, file, keep));
}

const NAME_MAX = 200;

function nameOf(sourceName: string, extension: string | undefined): string {
  if (extension === undefined) return sourceName;
  return `${[...sourceName.replace(/\.[^.]{1,10}$/, '')].slice(0, NAME_MAX).join('')}.${extension}`;
}

/** The signal's reason says more than an AbortError. */
export async function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
