import type { z } from 'zod';
import type { columnAnalysis } from '../../src/tasks/data.ts';
import { ColumnTypeDetector, numberOf, timeOf } from './column-type.ts';
import { FrequentValues } from './frequent-values.ts';

/** What is known of a column in the end. */
export type ColumnSummary = z.output<typeof columnAnalysis>;

const FREQUENT_MAX = 3;
/** In characters. */
const SHOWN_LENGTH = 50;

/** Collects what there is to say of a column while its values pass, in bounded memory. */
export class ColumnAnalysis {
  readonly #name: string;
  readonly #type = new ColumnTypeDetector();
  #count = 0;
  #missing = 0;
  readonly #numbers = new NumberStatistics();
  readonly #dates = new DateRange();
  readonly #texts = new FrequentValues();

  constructor(name: string) {
    this.#name = name;
  }

  /** `''` is a missing value. */
  add(value: string): void {
    if (value === '') {
      this.#missing += 1;
      return;
    }
    this.#count += 1;
    this.#type.add(value);
    this.#texts.add(value); // what is a number so far may turn out to be text
    const { type } = this.#type;
    if (type === 'number') this.#numbers.add(numberOf(value) ?? Number.NaN);
    else if (type === 'date') this.#dates.add(value, timeOf(value) ?? Number.NaN);
  }

  summary(): ColumnSummary {
    const { type } = this.#type;
    const common = { name: this.#name, type, count: this.#count, missing: this.#missing };
    switch (type) {
      case 'number':
        return { ...common, ...this.#numbers.summary() };
      case 'date':
        return { ...common, earliest: this.#dates.earliest, latest: this.#dates.latest };
      case 'text':
        return { ...common, distinct: this.#texts.distinct, frequent: this.#texts.top(FREQUENT_MAX).map(shown) };
    }
  }
}

function shown({ value, count }: { value: string; count: number }): { value: string; count: number } {
  return { value: value.slice(0, SHOWN_LENGTH).toWellFormed(), count };
}

/** Mean and deviation in one pass without cancellation (Welford, 1962). */
class NumberStatistics {
  #count = 0;
  #mean = 0;
  /** The sum of the squares of the distances from the mean. */
  #squares = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  add(value: number): void {
    this.#count += 1;
    const distance = value - this.#mean;
    this.#mean += distance / this.#count;
    this.#squares += distance * (value - this.#mean);
    this.#min = Math.min(this.#min, value);
    this.#max = Math.max(this.#max, value);
  }

  summary(): Pick<ColumnSummary, 'min' | 'max' | 'mean' | 'standardDeviation'> {
    const known = { min: this.#min, max: this.#max, mean: this.#mean };
    return this.#count < 2 ? known : { ...known, standardDeviation: Math.sqrt(this.#squares / (this.#count - 1)) };
  }
}

/** The first and the last of some dates, as they are written. */
class DateRange {
  earliest = '';
  latest = '';
  #earliestMs = Number.POSITIVE_INFINITY;
  #latestMs = Number.NEGATIVE_INFINITY;

  add(text: string, ms: number): void {
    if (ms < this.#earliestMs) [this.earliest, this.#earliestMs] = [text, ms];
    if (ms > this.#latestMs) [this.latest, this.#latestMs] = [text, ms];
  }
}
