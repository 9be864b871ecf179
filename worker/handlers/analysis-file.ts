import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { FailPermanently } from '../../src/core/errors.ts';
import { readStoredFile } from '../../src/operations/read-file.ts';
import { columnAnalysis } from '../../src/tasks/data.ts';
import type { HandlerResources } from '../task-handler.ts';

/** What analyze-data stores as JSON. */
const analysisFile = z.object({
  /** The name of the CSV. */
  source: z.string(),
  rows: z.int(),
  rejected: z.int(),
  columns: z.array(columnAnalysis),
});

/** What was found out about a CSV. */
export type Analysis = z.output<typeof analysisFile>;

/** In bytes: more than the largest analysis takes, and little enough to parse. */
const SIZE_MAX = 2 ** 20;

/** The file of an analysis. */
export function writeAnalysis(analysis: Analysis): Buffer {
  return Buffer.from(`${JSON.stringify(analysis, null, 2)}\n`);
}

/** Reads what analyze-data has stored. Fails for good with FILE_NOT_FOUND, and with NOT_AN_ANALYSIS for another file. */
export async function readAnalysis(
  resources: Pick<HandlerResources, 'files' | 'orm'>,
  analysisId: string,
): Promise<Analysis> {
  const { row, content } = await readStoredFile(resources, analysisId);
  if (row.size > SIZE_MAX) {
    content.destroy();
    throw notAnAnalysis(row.name);
  }
  const parsed = analysisFile.safeParse(parseJson(await text(content)));
  if (!parsed.success) throw notAnAnalysis(row.name);
  return parsed.data;
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function notAnAnalysis(name: string): FailPermanently {
  return new FailPermanently(
    'NOT_AN_ANALYSIS',
    `expected the file that analyze-data has made, got another: ${JSON.stringify(name)}`,
  );
}
