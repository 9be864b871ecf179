import { Readable } from 'node:stream';
import { FencedError } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import type { FileStore } from '../files/file-store.ts';

/** A file that a task has made. */
export interface ProducedFile {
  name: string;
  contentType: string;
  /** Of bytes. */
  content: Readable;
}

/** The row of a file that is in the store. */
export interface StoredFileData {
  id: string;
  name: string;
  /** In bytes. */
  size: number;
  contentType: string;
}

/**
 * Stores a file that a task has made, in bounded memory, and has its row written by `keep`, which answers the file that is
 * kept: another one when an earlier attempt got so far.
 *
 * Rejects with the content's own error, a `ServiceUnavailableError` of the store, or what `keep` rejects with. A file whose
 * row may have been committed stays.
 */
export async function storeFile<Kept extends { id: string }>(
  files: FileStore,
  { name, contentType, content }: ProducedFile,
  keep: (file: StoredFileData) => Promise<Kept>,
): Promise<Kept> {
  const id = newId();
  let size = 0;
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of content as AsyncIterable<Buffer>) {
      size += chunk.length;
      yield chunk;
    }
  }
  await files.write(id, Readable.from(counted(), { objectMode: false }));
  try {
    const kept = await keep({ id, name, size, contentType });
    if (kept.id !== id) await files.remove(id);
    return kept;
  } catch (error) {
    if (error instanceof FencedError) await files.remove(id).catch(() => undefined); // without its row nobody finds it
    throw error;
  }
}
