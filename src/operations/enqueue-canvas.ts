import {
  type Chord,
  chainSteps,
  chordSteps,
  groupSteps,
  type Shorthand,
  type Signature,
} from '../core/canvas-shorthands.ts';
import { type InputProblem, UserInputError } from '../core/errors.ts';
import type { EnqueueOptions } from './enqueue-task.ts';
import { enqueueWorkflow, type EnqueuedWorkflow, type EnqueueWorkflowInput } from './enqueue-workflow.ts';
import type { EnqueueResources } from './resources.ts';

/** What all shorthands for workflows take. */
type Canvas = Omit<EnqueueWorkflowInput, 'steps'>;

export interface EnqueueChainInput extends Canvas {
  steps: readonly Signature<EnqueueOptions>[];
}

/** Enqueues a workflow whose steps run one after the other. Throws as `enqueueWorkflow` does, as all here. */
export function enqueueChain(resources: EnqueueResources, input: EnqueueChainInput): Promise<EnqueuedWorkflow> {
  return enqueueShorthand(resources, input, () => chainSteps(input.steps));
}

export interface EnqueueGroupInput extends Canvas {
  tasks: readonly Signature<EnqueueOptions>[];
}

/** Enqueues a workflow whose steps run side by side. */
export function enqueueGroup(resources: EnqueueResources, input: EnqueueGroupInput): Promise<EnqueuedWorkflow> {
  return enqueueShorthand(resources, input, () => groupSteps(input.tasks));
}

export interface EnqueueChordInput extends Canvas, Omit<Chord<EnqueueOptions>, 'resultsAs'> {
  /** The field of the callback that gets the list of the results; default "results", if it has such a field. */
  resultsAs?: string | null | undefined;
}

const RESULTS_AS = 'results';

/** Enqueues a workflow whose last step gets the results of all others, which run side by side. */
export function enqueueChord(resources: EnqueueResources, input: EnqueueChordInput): Promise<EnqueuedWorkflow> {
  const fields = resources.catalog.find(input.callback.task)?.input.shape ?? {};
  const resultsAs =
    input.resultsAs ?? (input.resultsPath != null || Object.hasOwn(fields, RESULTS_AS) ? RESULTS_AS : null);
  return enqueueShorthand(resources, input, () => chordSteps({ ...input, resultsAs }));
}

/** Problems with the steps are told where the caller wrote them. */
async function enqueueShorthand(
  resources: EnqueueResources,
  { name, idempotencyKey, owner, em }: Canvas,
  expand: () => Shorthand<EnqueueOptions>,
): Promise<EnqueuedWorkflow> {
  const { steps, pathOf } = expand();
  try {
    return await enqueueWorkflow(resources, {
      name,
      idempotencyKey,
      em,
      steps,
      ...(owner === undefined ? {} : { owner }),
    });
  } catch (error) {
    if (!(error instanceof UserInputError)) throw error;
    const [first, ...more] = error.problems.map((problem) => ({ ...problem, path: pathOf(problem.path) }));
    throw new UserInputError([first as InputProblem, ...more]);
  }
}
