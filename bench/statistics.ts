/** The smallest of the values that is not below `share` (0–1) of them; nearest rank. NaN when there is no value. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return (
    (quantile(values, 0.5) -
      quantile(
        values.map((value) => -value),
        0.5,
      )) /
    2
  );
}

/** Milliseconds on a clock that all processes of the machine share, with microseconds behind the point. */
export function sharedClockMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

export function min(values: readonly number[]): number {
  return quantile(values, 0);
}

export function max(values: readonly number[]): number {
  return quantile(values, 1);
}
