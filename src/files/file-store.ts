import type { Readable } from 'node:stream';

/** Where uploaded and produced files are kept, by id. */
export interface FileStore {
  /** Stores all that the stream gives. Rejects with the stream's own error and leaves nothing behind. */
  write(id: string, content: Readable): Promise<void>;
  /** Rejects when there is no such file. */
  read(id: string): Promise<Readable>;
  /** Does nothing when there is no such file. */
  remove(id: string): Promise<void>;
  /** The ids of all files, also of those that are still being written, in lists of some. */
  list(): AsyncIterable<string[]>;
  /** In bytes; 0 when there is no such file. */
  sizeOf(id: string): Promise<number>;
}
