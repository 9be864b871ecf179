import { pipeline, type Readable, Transform } from 'node:stream';
import { MIMEType } from 'node:util';
import { userError } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import { StoredFile, type StoredFileRow } from '../db/entities/stored-file.ts';
import type { ServiceResources } from './resources.ts';

export interface UploadFileInput {
  /** As the client calls it. */
  name: string;
  contentType: string;
  content: Readable;
}

const NAME_MAX_LENGTH = 255;
const CONTENT_TYPE_MAX_LENGTH = 255;
const UNKNOWN_CONTENT_TYPE = 'application/octet-stream';

/**
 * Stores a file while it is being read, in bounded memory; an empty one is a file too.
 *
 * Throws a `UserInputError` with FILE_TOO_LARGE as soon as more than `maxUploadBytes` have come, a
 * `ServiceUnavailableError` when the store fails, and the stream's own error when that fails. `content` is destroyed then,
 * and nothing is kept.
 */
export async function uploadFile(
  { files, orm, maxUploadBytes }: Pick<ServiceResources, 'files' | 'orm' | 'maxUploadBytes'>,
  { name, contentType, content }: UploadFileInput,
): Promise<StoredFileRow> {
  const id = newId();
  const counter = new ByteCounter(maxUploadBytes);
  pipeline(content, counter, () => undefined); // a failure reaches the store through the counter
  await files.write(id, counter);
  try {
    const em = orm.em.fork();
    const row = em.create(StoredFile, {
      id,
      name: toFileName(name),
      size: counter.bytes,
      contentType: toContentType(contentType),
      createdAt: new Date(),
    });
    await em.flush();
    return row;
  } catch (error) {
    await files.remove(id).catch(() => undefined); // without its row nobody finds it
    throw error;
  }
}

/** Counts what passes, and fails at the first byte over the limit. */
class ByteCounter extends Transform {
  bytes = 0;
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    super();
    this.#maxBytes = maxBytes;
  }

  override _transform(
    chunk: Buffer,
    _encoding: BufferEncoding,
    done: (error: Error | null, chunk?: Buffer) => void,
  ): void {
    this.bytes += chunk.length;
    if (this.bytes <= this.#maxBytes) done(null, chunk);
    else done(userError('FILE_TOO_LARGE', `expected a file of at most ${this.#maxBytes} bytes, got more`, ['file']));
  }
}

/** What a client calls a file is for showing only: the last part of a path, on one line, in the order it is written. */
function toFileName(name: string): string {
  const last =
    name
      .toWellFormed()
      .split(/[/\\]/)
      .findLast((part) => part.trim() !== '') ?? '';
  const shown = last.replace(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu, '').trim();
  if (/^\.*$/.test(shown)) return 'file';
  return [...shown].slice(0, NAME_MAX_LENGTH).join('');
}

function toContentType(contentType: string): string {
  if (contentType.length > CONTENT_TYPE_MAX_LENGTH) return UNKNOWN_CONTENT_TYPE;
  try {
    return new MIMEType(contentType).toString();
  } catch {
    return UNKNOWN_CONTENT_TYPE;
  }
}
