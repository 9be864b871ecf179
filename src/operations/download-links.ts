import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigurationError } from '../core/errors.ts';
import { newId } from '../core/ids.ts';

/** Where stored files can be fetched, by id. */
export const FILES_PATH = '/files/';

const VALID_SECONDS = 3600;
const SECRET_BYTES = 32;

export interface DownloadLinksOptions {
  /** The same in all processes that make and check links. */
  signingSecret: string | undefined;
  /** Where a secret is kept if none is given. */
  dataDir: string;
  /** Then it must be given: processes need not share a folder. */
  production: boolean;
}

/** What a link says of its right to be followed. */
export type LinkVerdict = 'valid' | 'expired' | 'wrong';

/**
 * Links that let whoever has them fetch one file for an hour: `/files/<id>?expires=<Unix time>&signature=<HMAC>`. The
 * signature is an HMAC-SHA256 over both, so neither can be changed.
 */
export class DownloadLinks {
  readonly #options: DownloadLinksOptions;
  #secret: Promise<string> | undefined;

  constructor(options: DownloadLinksOptions) {
    this.#options = options;
  }

  /**
   * The path and query of a link to a file, whether or not there is one.
   *
   * Throws a `ConfigurationError` in production when no secret is configured.
   */
  async linkTo(id: string, nowMs: number): Promise<string> {
    const expires = String(Math.floor(nowMs / 1000) + VALID_SECONDS);
    return `${FILES_PATH}${id}?${new URLSearchParams({ expires, signature: await this.#sign(id, expires) })}`;
  }

  /** Judges a link by its parts, in a time that tells nothing of the right signature. Throws as {@link linkTo} does. */
  async check(id: string, expires: string, signature: string, nowMs: number): Promise<LinkVerdict> {
    const expected = Buffer.from(await this.#sign(id, expires));
    const given = Buffer.from(signature);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return 'wrong';
    return Number(expires) * 1000 > nowMs ? 'valid' : 'expired';
  }

  async #sign(id: string, expires: string): Promise<string> {
    this.#secret ??= this.#findSecret().catch((error: unknown) => {
      this.#secret = undefined; // the next one tries again
      throw error;
    });
    return createHmac('sha256', await this.#secret)
      .update(`${id}\n${expires}`)
      .digest('base64url');
  }

  async #findSecret(): Promise<string> {
    const { signingSecret, production, dataDir } = this.#options;
    if (signingSecret !== undefined) return signingSecret;
    if (production) {
      throw new ConfigurationError([
        'SIGNING_SECRET: expected a secret, as download links are asked for, got: nothing',
      ]);
    }
    return readOrCreateSecret(dataDir);
  }
}

/** The secret that a folder keeps. Of several processes that make one at the same time, all get the first. */
async function readOrCreateSecret(folder: string): Promise<string> {
  const file = join(folder, 'signing-secret');
  const kept = await readFile(file, 'utf8').catch(ifNot('ENOENT'));
  if (kept) return kept;
  await mkdir(folder, { recursive: true });
  const draft = `${file}.${newId()}`;
  await writeFile(draft, randomBytes(SECRET_BYTES).toString('base64url'), { mode: 0o600 });
  await link(draft, file).catch(ifNot('EEXIST'));
  await rm(draft);
  return readFile(file, 'utf8');
}

function ifNot(code: string): (error: NodeJS.ErrnoException) => undefined {
  return (error) => {
    if (error.code !== code) throw error;
  };
}
