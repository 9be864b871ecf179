import { once } from 'node:events';
import { Readable } from 'node:stream';
import { Disk } from 'flydrive';
import { FSDriver } from 'flydrive/drivers/fs';
import { FileNotFoundError, ServiceUnavailableError } from '../core/errors.ts';
import { isId } from '../core/ids.ts';
import type { FileStore } from './file-store.ts';

export interface FileStoreOptions {
  /** A folder; it is made when the first file is written. */
  location: string;
}

/**
 * Opens a store that keeps its files in a folder. Another driver of flydrive in place of `FSDriver`, e.g. that of S3,
 * makes it keep them elsewhere.
 *
 * `write` takes a new id: a file is not seen before it is whole only because nobody knows its id. It throws a `TypeError`
 * for a key that is no UUID, `read` a `FileNotFoundError` for an unknown one; a `ServiceUnavailableError` is the store's
 * own fault.
 */
export function openFileStore({ location }: FileStoreOptions): FileStore {
  const disk = new Disk(new FSDriver({ location, visibility: 'private' }));
  return {
    write: (id, content) => write(disk, id, content),
    read: (id) => read(disk, id),
    async remove(id) {
      if (isId(id)) await disk.delete(keyOf(id)).catch(failStore);
    },
    list: () => list(disk),
    sizeOf: (id) => sizeOf(disk, id),
  };
}

/** The last two digits of a UUIDv7 are random: they spread the files over 256 folders. */
function keyOf(id: string): string {
  const key = id.toLowerCase();
  return `${key.slice(-2)}/${key}`;
}

async function write(disk: Disk, id: string, content: Readable): Promise<void> {
  if (!isId(id)) throw new TypeError(`expected the key of a file to be a UUID, got: ${JSON.stringify(id)}`);
  const source = watchSource(content);
  try {
    await disk.putStream(keyOf(id), source.stream);
  } catch (error) {
    content.destroy();
    await disk.delete(keyOf(id)).catch(() => undefined); // the first error is the one that matters
    if (source.failure) throw source.failure.error;
    failStore(error);
  }
}

/**
 * Passes a stream on and remembers its own failure, to tell it from the store's. The driver starts to read once its file is
 * open, so a stream that fails before that fails in here too and not unheard.
 */
function watchSource(content: Readable): { stream: Readable; failure: { error: unknown } | undefined } {
  content.on('error', () => undefined); // comes out of the loop below
  const source = {
    stream: Readable.from(pass(), { objectMode: false }),
    failure: undefined as { error: unknown } | undefined,
  };
  async function* pass(): AsyncGenerator<Buffer | string> {
    try {
      yield* content;
    } catch (error) {
      source.failure = { error };
      throw error;
    }
  }
  return source;
}

async function read(disk: Disk, id: string): Promise<Readable> {
  if (!isId(id)) throw new FileNotFoundError(id);
  try {
    const content = await disk.getStream(keyOf(id));
    await once(content, 'readable'); // a missing file is known only when it is opened
    return content;
  } catch (error) {
    if (isMissing(error)) throw new FileNotFoundError(id);
    return failStore(error);
  }
}

/** A list for each of the 256 folders. */
async function* list(disk: Disk): AsyncGenerator<string[]> {
  for (let folder = 0; folder < 256; folder += 1) {
    const ids = await listFolder(disk, folder.toString(16).padStart(2, '0'));
    if (ids.length > 0) yield ids;
  }
}

async function listFolder(disk: Disk, folder: string): Promise<string[]> {
  const ids: string[] = [];
  try {
    let paginationToken: string | undefined;
    do {
      const page = await disk.listAll(folder, paginationToken === undefined ? {} : { paginationToken });
      for (const { name } of page.objects) if (isId(name)) ids.push(name);
      paginationToken = page.paginationToken;
    } while (paginationToken !== undefined);
  } catch (error) {
    if (!isMissing(error)) failStore(error);
  }
  return ids;
}

async function sizeOf(disk: Disk, id: string): Promise<number> {
  try {
    return (await disk.getMetaData(keyOf(id))).contentLength;
  } catch (error) {
    return isMissing(error) ? 0 : failStore(error);
  }
}

function isMissing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ('code' in error && error.code === 'ENOENT') || isMissing(error.cause);
}

function failStore(error: unknown): never {
  throw new ServiceUnavailableError('The file store', error);
}
