import { DistinctCounter } from './distinct-counter.ts';

/** So many different values are counted until there are too many; a thousand of them are left then. */
const EXACT_BELOW = 2000;
const LEFT = 1000;
/** Values are told apart by so many characters. */
const KEY_LENGTH = 100;

/** A value and how often it came. */
export interface FrequentValue {
  value: string;
  count: number;
}

/**
 * Counts values in bounded memory: exactly below 2,000 different ones. Beyond, their number is an estimate, and
 * counts are too low by at most a thousandth of all values (Misra and Gries, 1982): what is more frequent is not lost.
 */
export class FrequentValues {
  #counts = new Map<string, number>();
  readonly #distinct = new DistinctCounter();
  #isExact = true;

  add(value: string): void {
    const key = keyOf(value);
    this.#distinct.add(key);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    if (this.#counts.size >= EXACT_BELOW) this.#prune();
  }

  get distinct(): number {
    return this.#isExact ? this.#counts.size : Math.max(this.#distinct.estimate, EXACT_BELOW);
  }

  /** The `most` most frequent, of equally frequent ones those that came first. */
  top(most: number): FrequentValue[] {
    return [...this.#counts]
      .map(([value, count]) => ({ value, count }))
      .toSorted((a, b) => b.count - a.count)
      .slice(0, most);
  }

  /** What is taken from a count is taken from a thousand others too, so it adds up to a thousandth of all values at most. */
  #prune(): void {
    this.#isExact = false;
    const taken = [...this.#counts.values()].toSorted((a, b) => b - a)[LEFT] ?? 0;
    const left = [...this.#counts].filter(([, count]) => count > taken);
    this.#counts = new Map(left.map(([value, count]) => [value, count - taken]));
  }
}

/** A copy of its own: a slice would keep the whole of a long value in memory. */
function keyOf(value: string): string {
  return value.length <= KEY_LENGTH ? value : Buffer.from(value.slice(0, KEY_LENGTH)).toString();
}
