import { expect } from 'vitest';
import { upload } from '../support/api-client.ts';
import { childrenOf } from '../support/child-processes.ts';
import { peakMemoryMb } from '../support/peak-memory.ts';
import { test } from '../support/taskwire.ts';

const LINES = 1_000_000;
const TEST_TIMEOUT_MS = 180_000;
/** Some 220 after 10,000 lines, 400 after 300,000 and no more after millions: what the collector leaves lying. */
const MEMORY_MAX_MB = 500;

const ENQUEUE_REPORT = `mutation ($analysisId: ID!) {
  enqueueGenerateReport(input: { kind: DATA_ANALYSIS, format: pdf, analysisId: $analysisId }) {
    task { id } userErrors { message }
  }
}`;

const OUTPUTS = `query ($analysis: ID!, $report: ID!) {
  analysis: task(id: $analysis) {
    ... on AnalyzeDataTask { output { rows columns { name type distinct mean frequent { value count } } } }
  }
  report: task(id: $report) { ... on GenerateReportTask { output { summary } } }
}`;

test(
  'a CSV of a million lines is cleaned, analysed and reported in children, in bounded memory',
  { timeout: TEST_TIMEOUT_MS },
  async ({ taskwire }) => {
    const { client } = await taskwire.startApi();
    const worker = await taskwire.startWorker();
    const lines = Array.from({ length: LINES }, (_, at) =>
      at % 1000 === 7
        ? 'no row'
        : `order-${at}, ${at % 5 === 0 ? 'north' : 'south'},${at % 10},2026-03-0${1 + (at % 9)}`,
    );
    const { file } = (await upload(client.url, ['id,region,amount,day', ...lines].join('\n'), 'orders.csv')) as any;

    const cleaned = await client.finished(await client.enqueue('preprocess-data', { fileId: file.id }));
    const analysis = await client.enqueue('analyze-data', { dataId: cleaned.result.data.id });
    const { result } = await client.finished(analysis);
    const peaks = (await childrenOf(worker)).map(peakMemoryMb);
    const enqueued = await client.request(ENQUEUE_REPORT, { analysisId: result.analysisId });
    const report = enqueued['enqueueGenerateReport'].task.id;
    await client.finished(report);
    const outputs = await client.request(OUTPUTS, { analysis, report });

    expect(cleaned).toMatchObject({ state: 'SUCCESS', result: { data: { rows: 999_000, rejected: 1000, empty: 0 } } });
    expect(outputs['analysis'].output).toMatchObject({
      rows: 999_000,
      columns: [
        { name: 'id', type: 'text', mean: null },
        { name: 'region', type: 'text', distinct: 2 },
        { name: 'amount', type: 'number', distinct: null },
        { name: 'day', type: 'date' },
      ],
    });
    const [id, region] = outputs['analysis'].output.columns;
    expect(Math.abs(id.distinct - 999_000)).toBeLessThan(50_000);
    expect(region.frequent).toEqual([
      { value: 'south', count: 799_000 },
      { value: 'north', count: 200_000 },
    ]);
    expect(outputs['report'].output.summary).toBe(
      'The report "Analysis of orders.csv" is ready as PDF: 999000 rows in 4 columns.',
    );
    expect(peaks.length).toBeGreaterThan(0);
    expect(Math.max(...peaks)).toBeLessThan(MEMORY_MAX_MB);
  },
);
