import { addAbortSignal, Readable } from 'node:stream';
import { readStoredFile } from '../../src/operations/read-file.ts';
import type { analyzeData as contract } from '../../src/tasks/data.ts';
import type { TaskHandler } from '../task-handler.ts';
import { writeAnalysis } from './analysis-file.ts';
import { ColumnAnalysis } from './column-analysis.ts';
import { emptyTally, readTable } from './csv-table.ts';
import { storeOutcomeWith, untilAborted } from './source-file.ts';

/**
 * Reads a CSV once, in bounded memory, with progress in bytes, and stores what it found. The types of the columns are
 * detected again, so any CSV will do.
 *
 * Fails for good with FILE_NOT_FOUND, and as {@link readTable} does.
 */
export const analyzeData: TaskHandler<typeof contract> = async ({ dataId }, context) => {
  const { resources, signal, progress } = context;
  const { row, content } = await readStoredFile(resources, dataId);
  const tally = emptyTally();
  let columns: ColumnAnalysis[] = [];
  const read = async () => {
    for await (const batch of readTable(addAbortSignal(signal, content), tally)) {
      signal.throwIfAborted();
      if (columns.length === 0) columns = batch.columns.map((name) => new ColumnAnalysis(name));
      for (const cells of batch.rows) for (const [at, cell] of cells.entries()) columns[at]?.add(cell);
      progress(batch.bytes, row.size, `${tally.rows} rows`);
    }
  };
  progress(0, row.size);
  await untilAborted(signal, read());
  progress(row.size, row.size);

  const found = { rows: tally.rows, rejected: tally.rejected, columns: columns.map((column) => column.summary()) };
  const outcome = {
    sourceName: row.name,
    extension: 'analysis.json',
    contentType: 'application/json',
    content: Readable.from([writeAnalysis({ source: row.name, ...found })], { objectMode: false }),
  };
  const { result } = await storeOutcomeWith(context, outcome, ({ id }) => ({
    id,
    result: { analysisId: id, ...found },
  }));
  return result;
};
