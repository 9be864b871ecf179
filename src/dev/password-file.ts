import { randomBytes } from 'node:crypto';
import { chmod, readFile, writeFile } from 'node:fs/promises';

/** In a URL these need no escaping, being base64url. */
const PASSWORD_BYTES = 24;

/**
 * The password kept in `file`, which only its owner can read; a random one is made when there is none. Call it while
 * holding the folder's lock.
 */
export async function readOrCreatePassword(file: string): Promise<string> {
  const kept = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return '';
  });
  if (kept !== '') return kept;
  const password = randomBytes(PASSWORD_BYTES).toString('base64url');
  await writeFile(file, password, { mode: 0o600 });
  await chmod(file, 0o600);
  return password;
}
