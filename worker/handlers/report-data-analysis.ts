import type { Analysis } from './analysis-file.ts';
import type { ColumnSummary } from './column-analysis.ts';
import { type Bar, type Cell, counted, type ReportSource } from './report-sources.ts';

const BARS_MAX = 31;
const SIGNIFICANT_DIGITS = 6;

/** A row for each column of a CSV; the chart shows how complete they are. */
export function dataAnalysis({ source, rows, columns }: Analysis): ReportSource {
  return {
    title: `Analysis of ${source}`,
    columns: ['column', 'type', 'values', 'missing', 'least', 'greatest', 'mean', 'deviation', 'distinct', 'commonest'],
    chartTitle: 'Values that are there, by column',
    contents: (shown) => `${counted(rows, 'row')} in ${counted(shown, 'column')}`,
    count: async () => columns.length,
    bars: () => columns.slice(0, BARS_MAX).map(barOf),
    async *pages(mayGoOn) {
      if (mayGoOn()) yield { rows: columns.map(rowOf), read: columns.length };
    },
  };
}

function barOf({ name, count }: ColumnSummary): Bar {
  return { label: name, value: count };
}

function rowOf(column: ColumnSummary): Cell[] {
  const { name, type, count, missing, min, max, mean, standardDeviation, earliest, latest, distinct, frequent } =
    column;
  const [least, greatest] = type === 'date' ? [earliest, latest] : [min, max];
  const numbers = [mean, standardDeviation].map((value) => (value === undefined ? null : rounded(value)));
  return [name, type, count, missing, least ?? null, greatest ?? null, ...numbers, distinct ?? null, textOf(frequent)];
}

function textOf(frequent: ColumnSummary['frequent']): Cell {
  return frequent?.map(({ value, count }) => `${value} (${count})`).join(', ') ?? null;
}

function rounded(value: number): number {
  return Number(value.toPrecision(SIGNIFICANT_DIGITS));
}
