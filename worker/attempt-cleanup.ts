import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../src/logger.ts';

/** A file name of a temporary file: no path. */
const SAFE_NAME = /^[\w.-]{1,100}$/;

/** What an attempt has to put back when it ends, however it ends. */
export class AttemptCleanup {
  readonly #folder: string;
  readonly #logger: Pick<Logger, 'error'>;
  readonly #steps: (() => unknown)[] = [];
  #files = 0;

  /** `folder` is the attempt's own. */
  constructor(folder: string, logger: Pick<Logger, 'error'>) {
    this.#folder = folder;
    this.#logger = logger;
  }

  add(step: () => unknown): void {
    this.#steps.push(step);
  }

  /** The path of a file that does not exist yet, in the attempt's folder. Throws a `TypeError` for a name with a path. */
  async tempFile(name = 'file'): Promise<string> {
    if (!SAFE_NAME.test(name) || name.startsWith('.')) {
      throw new TypeError(`expected a file name without a path, got: ${JSON.stringify(name)}`);
    }
    await mkdir(this.#folder, { recursive: true });
    this.#files += 1;
    return join(this.#folder, `${this.#files}-${name}`);
  }

  /**
   * The newest first, each once, however often this is called; one that throws is logged and does not keep the others from
   * running. Never rejects.
   */
  async run(): Promise<void> {
    for (const step of this.#steps.splice(0).toReversed()) await this.#perform(step);
    if (this.#files > 0) await this.#perform(() => removeFolder(this.#folder));
  }

  async #perform(step: () => unknown): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.#logger.error({ error }, 'A cleanup of the task threw');
    }
  }
}

/** The folder of one attempt's temporary files. The worker removes it too, in case a child was killed. */
export function attemptFolder(tempDir: string, taskId: string, attempt: number): string {
  return join(tempDir, `${taskId}-${attempt}`);
}

/** Does nothing when it is not there. */
export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}
