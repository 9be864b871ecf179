import type { COLUMN_TYPES } from '../../src/tasks/data.ts';

/** What a value or a column holds. */
export type ColumnType = (typeof COLUMN_TYPES)[number];

/** Digits that a double holds; a leading zero is the mark of a code, as in 01067. */
const NUMBER = /^-?(0|[1-9]\d{0,14})(\.\d+)?(e[+-]?\d{1,2})?$/i;
/** ISO 8601: a day, or a moment with or without its zone. */
const DATE = /^(\d{4}-\d{2}-\d{2})([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$/;
const ZONE = /(Z|[+-]\d{2}:\d{2})$/;

/** The number that a value is, or undefined. */
export function numberOf(value: string): number | undefined {
  return NUMBER.test(value) ? Number(value) : undefined;
}

/** The moment that a value is, in milliseconds, or undefined; a day is its beginning, and without a zone it is in UTC. */
export function timeOf(value: string): number | undefined {
  const [, day, time] = DATE.exec(value) ?? [];
  if (day === undefined || !isDay(day)) return undefined;
  if (time === undefined) return Date.parse(day);
  const at = Date.parse(`${day}T${time.slice(1)}${ZONE.test(time) ? '' : 'Z'}`);
  return Number.isNaN(at) ? undefined : at;
}

/** Date.parse takes February 31 for March 3. */
function isDay(day: string): boolean {
  const at = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(day);
}

/** Finds the type that all values of a column have. */
export class ColumnTypeDetector {
  #type: ColumnType | undefined;

  /** A value that is not missing. */
  add(value: string): void {
    if (this.#type === 'text') return;
    const type = typeOf(value, this.#type);
    this.#type = this.#type === undefined || this.#type === type ? type : 'text';
  }

  get type(): ColumnType {
    return this.#type ?? 'text';
  }
}

/** What the column has been so far is tried first. */
function typeOf(value: string, likely: ColumnType | undefined): ColumnType {
  if (likely === 'date' && timeOf(value) !== undefined) return 'date';
  if (numberOf(value) !== undefined) return 'number';
  return timeOf(value) === undefined ? 'text' : 'date';
}
