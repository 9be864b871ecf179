import { addAbortSignal } from 'node:stream';
import { z } from 'zod';
import { FailPermanently } from '../../src/core/errors.ts';
import type { EntityManager } from '../../src/db/orm.ts';
import { transactionSql } from '../../src/db/sql.ts';
import { type ImportedUser, upsertUsers } from '../../src/db/statements/upsert-users.ts';
import { readStoredFile } from '../../src/operations/read-file.ts';
import type { importUsers as contract } from '../../src/tasks/file.ts';
import type { TaskContext, TaskHandler } from '../task-handler.ts';
import { type CsvRecord, isText, parseRecords, readCsv } from './csv-records.ts';
import { untilAborted } from './source-file.ts';

/** Records of a step. With another number, a task that is under way does again what it has done. */
const BATCH_SIZE = 1000;
const ERRORS_MAX = 100;
const HEADER = ['email', 'name'];

const fieldsOfUser = z.tuple([
  z.email('expected an email address').max(254, 'expected an email address of at most 254 characters'),
  z.string().min(1, 'expected a name').max(200, 'expected a name of at most 200 characters'),
]);

/** What some records came to; the value of a step. */
interface Tally {
  imported: number;
  updated: number;
  rejected: number;
  errors: { line: number; reason: string }[];
}

/**
 * Imports the users of a CSV file in steps of 1,000 records, each one statement in a transaction which also writes down that
 * the step is done: an attempt after the loss of a worker reads over what is done and goes on. Of several lines with the
 * same address the last counts. Progress is in bytes.
 *
 * Fails for good with FILE_NOT_FOUND and CSV_HEADER_INVALID.
 */
export const importUsers: TaskHandler<typeof contract> = ({ fileId }, context) =>
  untilAborted(context.signal, importFile(fileId, context));

async function importFile(fileId: string, { signal, step, progress, resources }: TaskContext): Promise<Tally> {
  const { row, content } = await readStoredFile(resources, fileId);
  const total: Tally = { imported: 0, updated: 0, rejected: 0, errors: [] };
  let batches = 0;
  progress(0, row.size);
  for await (const { records, bytes } of readCsv(addAbortSignal(signal, content), BATCH_SIZE)) {
    if (batches === 0) requireHeader(records.shift());
    batches += 1;
    add(total, await step(`rows-${batches}`, (em) => importRecords(em, records)));
    signal.throwIfAborted();
    progress(bytes, row.size, `${total.imported + total.updated + total.rejected} lines`);
  }
  if (batches === 0) requireHeader(undefined);
  progress(row.size, row.size);
  return total;
}

function requireHeader(record: CsvRecord | undefined): void {
  const [fields] = record ? parseRecords([record]) : [];
  if (fields && fields.length === HEADER.length && fields.every((field, at) => field.toLowerCase() === HEADER[at]))
    return;
  const got = JSON.stringify(record?.text.slice(0, 100) ?? '');
  throw new FailPermanently('CSV_HEADER_INVALID', `expected the first line to be ${HEADER.join(',')}, got: ${got}`);
}

async function importRecords(em: EntityManager, records: readonly CsvRecord[]): Promise<Tally> {
  const { users, errors } = checkRecords(records);
  const byEmail = new Map(users.map((user) => [user.email, user]));
  const imported = await upsertUsers(transactionSql(em), [...byEmail.values()]);
  return { imported, updated: users.length - imported, rejected: errors.length, errors: errors.slice(0, ERRORS_MAX) };
}

function checkRecords(records: readonly CsvRecord[]): { users: ImportedUser[]; errors: Tally['errors'] } {
  const users: ImportedUser[] = [];
  const errors: Tally['errors'] = [];
  const fields = parseRecords(records);
  for (const [at, { line, problem }] of records.entries()) {
    const checked = problem ?? checkFields(fields[at] ?? null);
    if (typeof checked === 'string') errors.push({ line, reason: checked });
    else users.push(checked);
  }
  return { users, errors };
}

/** The user, or what is wrong. */
function checkFields(fields: readonly string[] | null): ImportedUser | string {
  if (!fields) return 'expected quotes around whole fields only';
  if (fields.length !== HEADER.length) return `expected ${HEADER.length} fields, got: ${fields.length}`;
  if (!isText(fields)) return 'expected UTF-8 text';
  const { success, data, error } = fieldsOfUser.safeParse(fields);
  return success
    ? { email: data[0], name: data[1] }
    : (error.issues[0]?.message ?? 'expected an email address and a name');
}

function add(total: Tally, { imported, updated, rejected, errors }: Tally): void {
  total.imported += imported;
  total.updated += updated;
  total.rejected += rejected;
  total.errors.push(...errors.slice(0, ERRORS_MAX - total.errors.length));
}
