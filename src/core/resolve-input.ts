import { type InputFrom, type ResultSource, sourcesOf } from './workflow-graph.ts';

/** What the result of a step that succeeded has at a path. */
export interface SourceResult {
  step: string;
  /** Empty for the whole result. */
  path: string;
  /** Whether there is anything, be it null. */
  found: boolean;
  value: unknown;
}

/** A payload that was put together, or why it could not be. */
export type ResolvedInput = { payload: unknown; problem?: undefined } | { problem: string };

/**
 * Puts the results of other steps into a payload. A field whose step has no result (it failed and is forgiven, or is not
 * awaited) is left out; in a list only its place is. A path that a result does not have is a problem.
 */
export function resolveInput(payload: unknown, inputFrom: InputFrom, results: readonly SourceResult[]): ResolvedInput {
  const byPlace = new Map(results.map((result) => [placeOf(result), result]));
  const fields = new Map<string, unknown>();
  for (const [field, source] of Object.entries(inputFrom)) {
    const found: unknown[] = [];
    for (const one of sourcesOf(source)) {
      const result = byPlace.get(placeOf(one));
      if (!result) continue;
      if (!result.found) return { problem: missingPath(field, one) };
      found.push(result.value);
    }
    if (Array.isArray(source)) fields.set(field, found);
    else if (found.length > 0) fields.set(field, found[0]);
  }
  return { payload: { ...(payload as object | null), ...Object.fromEntries(fields) } };
}

/**
 * Another reading of the same results, for a task whose contract does not take them as they are: in a list of results, one
 * that has a single field stands for the value of that. So a chord of tasks that answer `{ total }` can have a callback
 * that takes a list of numbers.
 */
export function withSingleValues(payload: unknown, inputFrom: InputFrom): unknown {
  const given = payload as Record<string, unknown>;
  const lists = Object.entries(inputFrom).filter(([, source]) => Array.isArray(source));
  return {
    ...given,
    ...Object.fromEntries(lists.map(([field]) => [field, (given[field] as unknown[]).map(singleValue)])),
  };
}

function singleValue(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const values = Object.values(value);
  return values.length === 1 ? values[0] : value;
}

function placeOf({ step, path = '' }: ResultSource): string {
  return JSON.stringify([step, path]);
}

function missingPath(field: string, { step, path }: ResultSource): string {
  return `expected the result of step ${JSON.stringify(step)} to have ${JSON.stringify(path)} for the field ${JSON.stringify(field)}, but it has not`;
}
