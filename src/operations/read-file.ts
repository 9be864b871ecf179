import type { Readable } from 'node:stream';
import { FileNotFoundError } from '../core/errors.ts';
import { isId } from '../core/ids.ts';
import { StoredFile, type StoredFileRow } from '../db/entities/stored-file.ts';
import type { ServiceResources } from './resources.ts';

/** Finds a stored file; null when there is none. */
export async function getFile({ orm }: Pick<ServiceResources, 'orm'>, id: string): Promise<StoredFileRow | null> {
  return isId(id) ? orm.em.fork().findOne(StoredFile, { id }) : null;
}

/** Finds a stored file and opens it. Throws a `FileNotFoundError` (FILE_NOT_FOUND), which fails a task for good. */
export async function readStoredFile(
  { files, orm }: Pick<ServiceResources, 'files' | 'orm'>,
  id: string,
): Promise<{ row: StoredFileRow; content: Readable }> {
  const row = await getFile({ orm }, id);
  if (!row) throw new FileNotFoundError(id);
  return { row, content: await files.read(id) };
}
