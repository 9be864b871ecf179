import { max, median, min } from './statistics.ts';

/** One line of the summary: what was measured on both sides. */
export interface Measure {
  name: string;
  /** What the same costs without Taskwire. */
  raw?: string;
  taskwire: string;
  ratio?: number;
  aim?: string;
}

/** Lines of text in columns: the first column to the left, the others to the right. */
export function formatTable(rows: readonly (readonly string[])[], indent = '  '): string {
  const widths: number[] = [];
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  const line = (row: readonly string[]) =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  ');
  return rows.map((row) => `${indent}${line(row)}`.trimEnd()).join('\n');
}

/** All measures side by side. */
export function formatSummary(measures: readonly Measure[]): string {
  const rows = measures.map(({ name, raw = '', taskwire, ratio, aim }) => {
    return [name, raw, taskwire, ratio === undefined ? '' : ratio.toFixed(2), aim === undefined ? '' : `[${aim}]`];
  });
  return formatTable([['', 'raw', 'Taskwire', 'ratio', '[aim]'], ...rows]);
}

/** Rates of the rounds of both sides, as a table with their median and spread. */
export function formatRates(rates: Record<string, readonly number[]>): string {
  return formatRounds(rates, perSecond);
}

/** As {@link formatRates}, for milliseconds. */
export function formatTimes(times: Record<string, readonly number[]>): string {
  return formatRounds(times, milliseconds);
}

function formatRounds(sides: Record<string, readonly number[]>, format: (value: number) => string): string {
  const rows = Object.entries(sides).map(([side, values]) => [
    side,
    format(median(values)),
    format(min(values)),
    format(max(values)),
    values.map((value) => wholeNumber(value)).join(' '),
  ]);
  return formatTable([['', 'median', 'lowest', 'highest', 'rounds'], ...rows]);
}

export function perSecond(rate: number): string {
  return `${wholeNumber(rate)}/s`;
}

export function milliseconds(ms: number): string {
  return `${ms.toFixed(ms < 100 ? 2 : 0)} ms`;
}

export function kilobytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} kB`;
}

export function wholeNumber(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
