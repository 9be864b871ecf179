import { type InputProblem, UserInputError } from '../core/errors.ts';
import { parseInputFrom } from '../core/parse-input-from.ts';
import type { InputFrom } from '../core/workflow-graph.ts';

/** What a client says of a step: GraphQL has no type for its sources. */
interface Given {
  inputFrom?: unknown;
}

type WithSources<S extends Given> = Omit<S, 'inputFrom'> & { inputFrom: InputFrom | null };

/**
 * Reads the sources of steps; `pathOf` says where in the input a step is.
 *
 * Throws a `UserInputError` with WORKFLOW_INVALID for all that can't be read.
 */
export function withSources<S extends Given>(
  steps: readonly S[],
  pathOf: (position: number) => string[],
): WithSources<S>[] {
  const problems: InputProblem[] = [];
  const read = steps.map((step, position) => {
    if (step.inputFrom == null) return { ...step, inputFrom: null };
    const parsed = parseInputFrom(step.inputFrom);
    if ('inputFrom' in parsed) return { ...step, inputFrom: parsed.inputFrom };
    problems.push(...parsed.problems.map((problem) => ({ ...problem, path: [...pathOf(position), ...problem.path] })));
    return { ...step, inputFrom: null };
  });
  const [first, ...more] = problems;
  if (first) throw new UserInputError([first, ...more]);
  return read;
}
