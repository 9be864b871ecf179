/**
 * One a zone: making one takes longer than using it a thousand times. By the name in lower case, as zones are known by any
 * spelling, and a client that tries all must not fill the memory.
 */
const formats = new Map<string, Intl.DateTimeFormat>();

/** Whether there is a time zone of that name (IANA, e.g. Europe/Berlin). */
export function isTimeZone(name: string): boolean {
  try {
    return formatOf(name) !== undefined;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** What a zone's clocks show at a moment less what those of UTC show, in milliseconds. */
export function offsetAt(timeZone: string, moment: number): number {
  if (timeZone === 'UTC') return 0;
  const parts = formatOf(timeZone).formatToParts(moment);
  const part = (type: string) => Number(parts.find((one) => one.type === type)?.value);
  const shown = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
  return shown - Math.floor(moment / 1000) * 1000;
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const name = timeZone.toLowerCase();
  const known = formats.get(name);
  if (known) return known;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  formats.set(name, format);
  return format;
}

/**
 * A moment between two, at which the zone's offset is not what it was at `from` any more, to the second. The offsets at
 * both must differ.
 */
export function offsetChange(timeZone: string, from: number, to: number): number {
  const offset = offsetAt(timeZone, from);
  let [before, after] = [Math.floor(from / 1000), Math.floor(to / 1000)];
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (offsetAt(timeZone, middle * 1000) === offset) before = middle;
    else after = middle;
  }
  return after * 1000;
}

/** The widest change of an offset is a day (Samoa, 2011), and offsets are at most 14 hours. */
const AROUND_MS = 40 * 3_600_000;

/**
 * The moment at which a zone's clocks show a local time, which is given as if it were in UTC. Of a time that comes twice
 * (clocks go back) the first one; for one that never comes (clocks go forward) the moment after the gap.
 */
export function momentOf(timeZone: string, local: number): number {
  const [earlier, later] = [local - AROUND_MS, local + AROUND_MS];
  const [before, after] = [offsetAt(timeZone, earlier), offsetAt(timeZone, later)];
  if (offsetAt(timeZone, local - before) === before) return local - before;
  if (offsetAt(timeZone, local - after) === after) return local - after;
  return offsetChange(timeZone, earlier, later);
}
