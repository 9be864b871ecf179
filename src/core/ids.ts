import { v7 } from 'uuid';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A new UUIDv7: it starts with the time in milliseconds, so that ids sort by creation. */
export function newId(): string {
  return v7();
}

/**
 * Whether a text can be an id at all; what cannot is answered as unknown without asking Postgres. An id has small letters
 * only: Postgres would know it in capitals too, but channels, jobs and maps would not.
 */
export function isId(text: string): boolean {
  return UUID.test(text);
}

/** The time that a UUIDv7 carries, in milliseconds since 1970. */
export function timeOfId(id: string): number {
  return Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
}

/** The smallest id that could have been made at `date`: a filter by time becomes a range of ids (RFC 9562, section 5.7). */
export function firstIdAt(date: Date): string {
  const maxMs = 2 ** 48 - 1;
  const hex = Math.min(maxMs, Math.max(0, date.getTime())).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-0000-0000-000000000000`;
}
