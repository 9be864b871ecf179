import { expect, test } from 'vitest';
import { isTimeZone, offsetAt } from '../../src/core/time-zone.ts';

test('a zone is known by any spelling, and all of them together take no more memory than one', () => {
  const letters = 'america/argentina'.split('');
  const spell = (number: number) =>
    letters.map((letter, bit) => ((number >> bit) & 1 ? letter.toUpperCase() : letter)).join('');
  const before = process.memoryUsage.rss();

  const known = Array.from({ length: 16_384 }, (_, number) => isTimeZone(`${spell(number)}/Ushuaia`));

  expect(known.every(Boolean)).toBe(true);
  expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 1024 * 1024);
  expect(offsetAt('aMERICA/ARGENTINA/uSHUAIA', 0)).toBe(-3 * 3_600_000);
});
