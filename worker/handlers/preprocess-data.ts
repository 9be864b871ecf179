import { addAbortSignal, Readable } from 'node:stream';
import { readStoredFile } from '../../src/operations/read-file.ts';
import type { preprocessData as contract } from '../../src/tasks/data.ts';
import type { TaskContext, TaskHandler } from '../task-handler.ts';
import { ColumnTypeDetector } from './column-type.ts';
import { emptyTally, readTable, type TableTally } from './csv-table.ts';
import { quoted } from './report-csv.ts';
import { storeOutcomeWith } from './source-file.ts';

interface Cleaning {
  tally: TableTally;
  /** By the names of the columns, in their order. */
  types: Map<string, ColumnTypeDetector>;
}

/**
 * Writes the cleaned CSV into the file store while it reads the uploaded one, in bounded memory, with progress in bytes.
 * The cells themselves are not changed but for white space around them: 1,5 stays 1,5 and the column is text.
 *
 * Fails for good with FILE_NOT_FOUND, and as {@link readTable} does.
 */
export const preprocessData: TaskHandler<typeof contract> = async ({ fileId }, context) => {
  const { row, content } = await readStoredFile(context.resources, fileId);
  const cleaning: Cleaning = { tally: emptyTally(), types: new Map() };
  const cleaned = clean(addAbortSignal(context.signal, content), row.size, cleaning, context);
  const outcome = {
    sourceName: row.name,
    extension: 'csv',
    contentType: 'text/csv;charset=utf-8',
    content: Readable.from(cleaned, { objectMode: false }),
  };
  const { data } = await storeOutcomeWith(context, outcome, ({ id }) => {
    const columns = [...cleaning.types].map(([name, { type }]) => ({ name, type }));
    return { id, data: { id, ...cleaning.tally, columns } };
  });
  return { data };
};

async function* clean(
  content: Readable,
  size: number,
  { tally, types }: Cleaning,
  { signal, progress }: TaskContext,
): AsyncGenerator<Buffer> {
  progress(0, size);
  for await (const { columns, rows, bytes } of readTable(content, tally)) {
    signal.throwIfAborted();
    if (types.size === 0) {
      for (const name of columns) types.set(name, new ColumnTypeDetector());
      yield Buffer.from(lineOf(columns));
    }
    const detectors = [...types.values()];
    for (const row of rows) for (const [at, cell] of row.entries()) if (cell !== '') detectors[at]?.add(cell);
    if (rows.length > 0) yield Buffer.from(rows.map(lineOf).join(''));
    progress(bytes, size, `${tally.rows} rows`);
  }
  progress(size, size);
}

function lineOf(cells: readonly string[]): string {
  return `${cells.map(quoted).join(',')}\r\n`;
}
