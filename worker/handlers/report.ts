import { Readable } from 'node:stream';
import { SoftTimeLimitExceeded } from '../../src/core/errors.ts';
import type { Payload, Result } from '../../src/core/define-task.ts';
import { StoredFile } from '../../src/db/entities/stored-file.ts';
import { poolSql } from '../../src/db/sql.ts';
import { storeFile } from '../../src/operations/store-file.ts';
import type { generateReport as contract } from '../../src/tasks/report.ts';
import type { TaskContext, TaskHandler } from '../task-handler.ts';
import { readAnalysis } from './analysis-file.ts';
import { dataAnalysis } from './report-data-analysis.ts';
import { csvLine } from './report-csv.ts';
import { ReportPdf } from './report-pdf.ts';
import { type Cell, type ReportSource, taskThroughput, userActivity } from './report-sources.ts';

const CONTENT_TYPES = { csv: 'text/csv;charset=utf-8', pdf: 'application/pdf' } as const;

/**
 * Writes a report into the file store while it reads, in bounded memory. At the soft time limit it ends with what it has
 * by then, and says so in the file and in the result; every other reason of the signal is thrown. That of a data analysis
 * fails for good as {@link readAnalysis} does.
 *
 * The file's row, and the step that says that it is written, are one transaction: an attempt after that gives the same file.
 */
export const generateReport: TaskHandler<typeof contract> = async (payload, context) => {
  const { resources, step } = context;
  const source = await openSource(payload, context);
  const run: ReportRun = { rows: 0, note: undefined };
  const { kind, format } = payload;
  const file = {
    name: `${kind}.${format}`,
    contentType: CONTENT_TYPES[format],
    content: Readable.from(format === 'csv' ? writeCsv(source, run, context) : writePdf(source, run, context), {
      objectMode: false,
    }),
  };
  const { id, result } = await storeFile(resources.files, file, (data) =>
    step('stored', (em) => {
      em.create(StoredFile, { ...data, createdAt: new Date() });
      return { id: data.id, result: resultOf(data.id, describe(source, format, run), run) };
    }),
  );
  return { ...result, fileId: id };
};

/** How far the writing is. */
interface ReportRun {
  rows: number;
  /** Why the report is partial. */
  note: string | undefined;
}

async function openSource(
  { kind, from, to, analysisId = '' }: Payload<typeof contract>,
  { resources }: TaskContext,
): Promise<ReportSource> {
  if (kind === 'data-analysis') return dataAnalysis(await readAnalysis(resources, analysisId));
  const sql = poolSql(resources.orm);
  const period = { from: from === undefined ? null : new Date(from), to: to === undefined ? null : new Date(to) };
  return kind === 'user-activity' ? userActivity(sql, period) : taskThroughput(sql, period);
}

function resultOf(fileId: string, summary: string, { rows, note }: ReportRun): Result<typeof contract> {
  return { fileId, rows, partial: note !== undefined, ...(note === undefined ? {} : { note }), summary };
}

function describe({ title, contents }: ReportSource, format: string, { rows, note }: ReportRun): string {
  const sentence = `The report "${title}" is ready as ${format.toUpperCase()}: ${contents(rows)}.`;
  return note === undefined ? sentence : `${sentence} ${note}`;
}

async function* writeCsv(source: ReportSource, run: ReportRun, context: TaskContext): AsyncGenerator<Buffer> {
  yield Buffer.from(csvLine(source.columns));
  for await (const rows of readPages(source, run, context)) yield Buffer.from(rows.map(csvLine).join(''));
  if (run.note !== undefined) yield Buffer.from(csvLine([`# ${run.note}`]));
}

async function* writePdf(source: ReportSource, run: ReportRun, context: TaskContext): AsyncGenerator<Buffer> {
  const pdf = new ReportPdf(source);
  for await (const rows of readPages(source, run, context)) {
    pdf.addRows(rows);
    yield* pdf.take();
  }
  yield* pdf.finish(run.note, source.bars());
}

async function* readPages(
  source: ReportSource,
  run: ReportRun,
  { signal, progress }: TaskContext,
): AsyncGenerator<Cell[][]> {
  const total = await source.count();
  let limit: SoftTimeLimitExceeded | undefined;
  const mayGoOn = () => {
    if (!signal.aborted) return true;
    if (!(signal.reason instanceof SoftTimeLimitExceeded)) throw signal.reason;
    limit = signal.reason;
    return false;
  };
  for await (const { rows, read } of source.pages(mayGoOn)) {
    run.rows += rows.length;
    if (rows.length > 0) yield rows;
    progress(read, Math.max(total, read));
  }
  if (limit) run.note = `This report is partial: it ends after ${run.rows} rows, as its ${limit.seconds} s were over.`;
}
