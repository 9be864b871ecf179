import type { Readable } from 'node:stream';

/** Where uploaded and produced files are kept, by id. */
export interface FileStore {
  /** Stores all that the stream gives. Rejects with the stream's own error and leaves nothing behind. */
  write(id: string, content: Readable): Promise<void>;
  /** Rejects when there is no such file. */
  read(id: string): Promise<Readable>;
  /** Does nothing when there is no such file. */
  remove(id: string): Promise<void>;
}
