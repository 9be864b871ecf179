import { type InputProblem, UserInputError, userError } from './errors.ts';
import { type InputFrom, type ResultSource, sourcesOf, type StepSpec } from './workflow-graph.ts';

/** A task of a chain, a group or a chord: a step whose key and dependencies follow from where it stands. */
export type Signature<Options = unknown> = Pick<StepSpec<Options>, 'task' | 'payload' | 'inputFrom' | 'options'>;

/** A workflow that was written in a shorter way. */
export interface Shorthand<Options> {
  steps: StepSpec<Options>[];
  /** Where in what was written something is that has a path in the steps. */
  pathOf(path: readonly string[]): string[];
}

/** What `step` may be in a chain instead of a key. */
const PREVIOUS = 'previous';
/** The key of a chord's callback. */
const CALLBACK = 'callback';

/**
 * One after the other; the keys are "1", "2" …, and in `inputFrom` the step "previous" is the one before.
 *
 * Throws a `UserInputError` with WORKFLOW_INVALID when the first one has a "previous".
 */
export function chainSteps<Options>(signatures: readonly Signature<Options>[]): Shorthand<Options> {
  return {
    steps: signatures.map((signature, position) => ({
      ...signature,
      key: keyAt(position),
      inputFrom: chainInput(signature.inputFrom ?? {}, position),
      dependsOn: position === 0 ? [] : [keyAt(position - 1)],
    })),
    pathOf: (path) => [...path],
  };
}

function chainInput(inputFrom: InputFrom, position: number): InputFrom {
  const inPlace = (source: ResultSource): ResultSource =>
    source.step === PREVIOUS ? { ...source, step: keyAt(position - 1) } : source;
  return Object.fromEntries(
    Object.entries(inputFrom).map(([field, source]) => {
      if (position === 0 && sourcesOf(source).some(({ step }) => step === PREVIOUS)) throw noPrevious(field);
      return [field, Array.isArray(source) ? source.map(inPlace) : inPlace(source as ResultSource)];
    }),
  );
}

function noPrevious(field: string): UserInputError {
  const message = 'expected the first step of a chain to take nothing from "previous": there is none before it';
  return userError('WORKFLOW_INVALID', message, ['steps', '0', 'inputFrom', field]);
}

/**
 * Side by side; the keys are "1", "2" …
 *
 * Throws a `UserInputError` with WORKFLOW_INVALID when one takes another's result.
 */
export function groupSteps<Options>(signatures: readonly Signature<Options>[]): Shorthand<Options> {
  requireIndependent(signatures);
  return {
    steps: signatures.map((signature, position) => ({ ...signature, key: keyAt(position) })),
    pathOf: inTasks,
  };
}

export interface Chord<Options> {
  tasks: readonly Signature<Options>[];
  /** Its key is "callback". */
  callback: Signature<Options>;
  /** The field of the callback that gets the list of the tasks' results, in their order; null when none does. */
  resultsAs: string | null;
  /** What the list has of each result; default the whole. */
  resultsPath?: string | null | undefined;
}

/**
 * A group, and a callback after all of it.
 *
 * Throws a `UserInputError` with WORKFLOW_INVALID when the group is empty, one of it takes another's result, or the callback
 * takes its list from elsewhere too.
 */
export function chordSteps<Options>({ tasks, callback, resultsAs, resultsPath }: Chord<Options>): Shorthand<Options> {
  if (tasks.length === 0) throw userError('WORKFLOW_INVALID', 'expected at least 1 task, got none', ['tasks']);
  const group = groupSteps(tasks).steps;
  const keys = group.map(({ key }) => key);
  const list = keys.map((step) => ({ step, ...(resultsPath == null ? {} : { path: resultsPath }) }));
  const inputFrom = { ...callback.inputFrom, ...(resultsAs === null ? {} : { [resultsAs]: list }) };
  if (resultsAs !== null && Object.hasOwn(callback.inputFrom ?? {}, resultsAs)) throw listTwice(resultsAs);
  return {
    steps: [...group, { ...callback, key: CALLBACK, dependsOn: keys, inputFrom }],
    pathOf(path) {
      const [root, position, part, field] = path;
      if (root !== 'steps' || position !== String(group.length)) return inTasks(path);
      return part === 'inputFrom' && field === resultsAs ? ['resultsAs'] : ['callback', ...path.slice(2)];
    },
  };
}

function listTwice(field: string): UserInputError {
  const message = `expected ${field} to be the list of the results, and not in inputFrom too`;
  return userError('WORKFLOW_INVALID', message, ['callback', 'inputFrom', field]);
}

function keyAt(position: number): string {
  return String(position + 1);
}

function inTasks([root = '', ...rest]: readonly string[]): string[] {
  return [root === 'steps' ? 'tasks' : root, ...rest];
}

function requireIndependent(signatures: readonly Signature[]): void {
  const [first, ...more] = signatures.flatMap(({ inputFrom }, position): InputProblem[] => {
    if (Object.keys(inputFrom ?? {}).length === 0) return [];
    const message = 'expected no inputFrom in a group: its tasks do not wait for each other';
    return [{ code: 'WORKFLOW_INVALID', message, path: ['tasks', String(position), 'inputFrom'] }];
  });
  if (first) throw new UserInputError([first, ...more]);
}
