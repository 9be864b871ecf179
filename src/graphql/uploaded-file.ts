import type { Readable } from 'node:stream';

/** A file as it comes with a request, while it comes. */
export interface FilePart {
  /** As the client calls it; empty when it does not say. */
  name: string;
  contentType: string;
  /** Must be read to its end or destroyed. It fails when the client goes away. */
  content: Readable;
}

/** The value of the scalar `File`: a file of a multipart request, which may not have arrived yet. */
export class UploadedFile {
  readonly #open: () => Promise<FilePart>;

  constructor(open: () => Promise<FilePart>) {
    this.#open = open;
  }

  /** Waits for the file to arrive; it can be read once. Rejects with a `UserInputError` when it cannot come. */
  open(): Promise<FilePart> {
    return this.#open();
  }
}
