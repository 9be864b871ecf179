import { userError } from './errors.ts';

/**
 * A cron expression: five fields (minute, hour, day of month, month, day of week), or six with the second before them. The
 * times that it names are local ones; `cron-times.ts` makes moments of them.
 */
export interface Cron {
  /** Sorted, as the others. */
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly months: readonly number[];
  readonly days: DayRule;
}

/** Which days of a month fit. */
interface DayRule {
  readonly ofMonth: readonly number[];
  /** `L` in the day of month. */
  readonly last: boolean;
  /** 0 is Sunday. */
  readonly ofWeek: readonly number[];
  /** `MON#2` is the second Monday, `5L` the last Friday (`nth` is then `last`). */
  readonly nth: readonly { weekday: number; nth: number | 'last' }[];
  /**
   * As in Vixie's cron: when both fields are restricted, a day that fits one of them fits. When one of them begins with `*`,
   * it must fit both.
   */
  readonly either: boolean;
}

interface Field {
  name: string;
  min: number;
  max: number;
  /** Names of the values from `min` on. */
  names?: readonly string[];
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

const SECOND: Field = { name: 'second', min: 0, max: 59 };
const MINUTE: Field = { name: 'minute', min: 0, max: 59 };
const HOUR: Field = { name: 'hour', min: 0, max: 23 };
const DAY_OF_MONTH: Field = { name: 'day of month', min: 1, max: 31 };
const MONTH: Field = { name: 'month', min: 1, max: 12, names: MONTHS };
const DAY_OF_WEEK: Field = { name: 'day of week', min: 0, max: 7, names: WEEKDAYS };
const FIELDS = [SECOND, MINUTE, HOUR, DAY_OF_MONTH, MONTH, DAY_OF_WEEK];

const MACROS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

const TEXT_MAX = 500;
const DAY_MS = 24 * 3_600_000;
/** In forty years every day that exists comes, also 29 February on a certain weekday. */
const SEARCH_DAYS = 40 * 366;

/**
 * Reads an expression. A field is a list of `*`, values, ranges and steps (`1-5`, `MON-FRI`, `*\/15`, `3/10`), months and
 * weekdays also by their English names; `L` is the last day of the month, `MON#2` the second Monday, `FRIL` the last Friday.
 * Instead of the fields there may be @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually.
 *
 * Throws a `UserInputError` with CRON_INVALID that names the field, what was expected and what was got; also for days that
 * never come.
 */
export function parseCron(text: string): Cron {
  const parts = fieldsOf(text);
  const read = (field: Field) => readField(field, parts[FIELDS.indexOf(field)] ?? '', text, parts.length);
  const [seconds, minutes, hours, months] = [read(SECOND), read(MINUTE), read(HOUR), read(MONTH)];
  const [ofMonth, ofWeek] = [read(DAY_OF_MONTH), read(DAY_OF_WEEK)];
  const cron: Cron = {
    seconds: seconds.values,
    minutes: minutes.values,
    hours: hours.values,
    months: months.values,
    days: {
      ofMonth: ofMonth.values,
      last: ofMonth.last,
      ofWeek: sorted(ofWeek.values.map((day) => day % 7)),
      nth: ofWeek.nth,
      either: !ofMonth.star && !ofWeek.star,
    },
  };
  if (nextLocalTime(cron, 0) !== undefined) return cron;
  throw cronInvalid(`expected the day of month and the month of ${quote(text)} to be a day that exists, got: none`);
}

function fieldsOf(text: string): string[] {
  const trimmed = text.trim();
  if (trimmed.length > TEXT_MAX) {
    throw cronInvalid(`expected a cron expression of at most ${TEXT_MAX} characters, got: ${trimmed.length}`);
  }
  const macro = MACROS[trimmed.toLowerCase()];
  if (!macro && trimmed.startsWith('@')) {
    throw cronInvalid(`expected one of ${Object.keys(MACROS).join(', ')}, got: ${quote(trimmed)}`);
  }
  const parts = (macro ?? trimmed).split(/\s+/).filter((part) => part !== '');
  if (parts.length === 5) return ['0', ...parts];
  if (parts.length === 6) return parts;
  const expected = '5 fields (minute, hour, day of month, month, day of week), or 6 with the second before them';
  throw cronInvalid(`expected a cron expression of ${expected}, got: ${parts.length} in ${quote(text)}`);
}

/** What a field says. */
interface FieldValues {
  values: number[];
  last: boolean;
  nth: { weekday: number; nth: number | 'last' }[];
  /** Whether it begins with `*`. */
  star: boolean;
}

function readField(field: Field, part: string, text: string, fields: number): FieldValues {
  const read: FieldValues = { values: [], last: false, nth: [], star: /^[*?]/.test(part) };
  for (const item of part.split(',')) {
    if (readLast(field, item, read) || readNth(field, item, read)) continue;
    const values = valuesOf(field, item);
    if (!values) throw fieldInvalid(field, item, text, fields);
    read.values.push(...values);
  }
  read.values = sorted(read.values);
  return read;
}

/** `L`: the last day of the month. */
function readLast(field: Field, item: string, read: FieldValues): boolean {
  if (field !== DAY_OF_MONTH || item.toUpperCase() !== 'L') return false;
  read.last = true;
  return true;
}

/** `MON#2` and `FRIL`: a weekday by its place in the month. */
function readNth(field: Field, item: string, read: FieldValues): boolean {
  const match = /^(\w+?)(?:#([1-5])|L)$/i.exec(item);
  const weekday = field === DAY_OF_WEEK && match ? valueOf(field, match[1] ?? '') : undefined;
  if (weekday === undefined || !match) return false;
  read.nth.push({ weekday: weekday % 7, nth: match[2] === undefined ? 'last' : Number(match[2]) });
  return true;
}

/** `*`, `5`, `1-5`, each with `/step`, and `3/10`: from 3 to the end. Undefined when it is none of these. */
function valuesOf(field: Field, item: string): number[] | undefined {
  const match = /^(?:[*?]|(\w+)(?:-(\w+))?)(?:\/(\d{1,2}))?$/.exec(item);
  if (!match || (item.startsWith('?') && field !== DAY_OF_MONTH && field !== DAY_OF_WEEK)) return undefined;
  const [, first, second, stepText] = match;
  const step = stepText === undefined ? 1 : Number(stepText);
  const from = first === undefined ? field.min : valueOf(field, first);
  const to = lastOf(field, first, second, stepText);
  if (from === undefined || to === undefined || step < 1 || step > field.max) return undefined;
  const end = field === DAY_OF_WEEK && to === 0 && from > 0 ? 7 : to; // FRI-SUN
  if (from > end) return undefined;
  return Array.from({ length: Math.floor((end - from) / step) + 1 }, (_, index) => from + index * step);
}

function lastOf(field: Field, first?: string, second?: string, step?: string): number | undefined {
  if (second !== undefined) return valueOf(field, second);
  if (first !== undefined && step === undefined) return valueOf(field, first);
  return field === DAY_OF_WEEK ? 6 : field.max;
}

function valueOf({ min, max, names = [] }: Field, text: string): number | undefined {
  const named = names.indexOf(text.toUpperCase());
  if (named >= 0) return min + named;
  const value = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : undefined;
}

function sorted(values: readonly number[]): number[] {
  return [...new Set(values)].toSorted((a, b) => a - b);
}

function fieldInvalid(field: Field, item: string, text: string, fields: number) {
  const place = FIELDS.indexOf(field) + (text.trim().split(/\s+/).length === fields ? 1 : 0);
  const names = field.names ? ` or ${field.names[0]}–${field.names.at(-1)}` : '';
  const expected = `${field.min}–${field.max}${names}, * or a range, with a step /1–/${field.max} if wished`;
  return cronInvalid(
    `expected the ${field.name} (field ${place} of ${quote(text)}) to be ${expected}, got: ${quote(item)}`,
  );
}

function cronInvalid(message: string) {
  return userError('CRON_INVALID', message, ['cron']);
}

function quote(text: string): string {
  return JSON.stringify(text);
}

/**
 * The first local time from `from` on that fits, both as if they were in UTC, in milliseconds and whole seconds; undefined
 * when none does in forty years.
 */
export function nextLocalTime(cron: Cron, from: number): number | undefined {
  let day = Math.floor(from / DAY_MS) * DAY_MS;
  const end = day + SEARCH_DAYS * DAY_MS;
  let second = (from - day) / 1000;
  while (day < end) {
    const date = new Date(day);
    const fitsMonth = cron.months.includes(date.getUTCMonth() + 1);
    const found = fitsMonth && fitsDay(cron, date) ? nextSecondOfDay(cron, second) : undefined;
    if (found !== undefined) return day + found * 1000;
    day = fitsMonth ? day + DAY_MS : Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
    second = 0;
  }
  return undefined;
}

function fitsDay({ days }: Cron, day: Date): boolean {
  const ofMonth = days.ofMonth.includes(day.getUTCDate()) || (days.last && isLastWithin(day, 1));
  const ofWeek = days.ofWeek.includes(day.getUTCDay()) || days.nth.some((rule) => isNth(day, rule));
  return days.either ? ofMonth || ofWeek : ofMonth && ofWeek;
}

function isNth(day: Date, { weekday, nth }: DayRule['nth'][number]): boolean {
  if (day.getUTCDay() !== weekday) return false;
  return nth === 'last' ? isLastWithin(day, 7) : Math.ceil(day.getUTCDate() / 7) === nth;
}

/** Whether the month ends within so many days. */
function isLastWithin(day: Date, days: number): boolean {
  return new Date(day.getTime() + days * DAY_MS).getUTCMonth() !== day.getUTCMonth();
}

function nextSecondOfDay({ hours, minutes, seconds }: Cron, from: number): number | undefined {
  for (const hour of hours) {
    if ((hour + 1) * 3600 <= from) continue;
    for (const minute of minutes) {
      if (hour * 3600 + (minute + 1) * 60 <= from) continue;
      for (const second of seconds) {
        const at = hour * 3600 + minute * 60 + second;
        if (at >= from) return at;
      }
    }
  }
  return undefined;
}
