import { z } from 'zod';
import type { InputProblem } from './errors.ts';
import type { InputFrom } from './workflow-graph.ts';

/** Of a path, in characters. */
const PATH_MAX = 1000;

/** Null is as good as left out, as everywhere in an input. */
const path = z
  .string()
  .max(PATH_MAX)
  .nullish()
  .transform((given) => given ?? undefined);
const source = z.strictObject({ step: z.string(), path });
const inputFrom = z.record(z.string(), z.union([source, z.array(source)]));

const EXPECTED =
  'expected inputFrom to be like { "field": { "step": "key", "path": "a.b" } }, or a list of such sources';

/** Reads JSON that says where fields of a payload come from; answers what is wrong with it, if anything is. */
export function parseInputFrom(given: unknown): { inputFrom: InputFrom } | { problems: InputProblem[] } {
  const parsed = inputFrom.safeParse(given);
  if (parsed.success) return { inputFrom: parsed.data };
  const paths = new Set(parsed.error.issues.map(({ path }) => JSON.stringify(path.map(String))));
  return {
    problems: [...paths].map((path) => ({
      code: 'WORKFLOW_INVALID',
      message: EXPECTED,
      path: ['inputFrom', ...(JSON.parse(path) as string[])],
    })),
  };
}
