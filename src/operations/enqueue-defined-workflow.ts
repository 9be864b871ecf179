import type { WorkflowContract } from '../core/define-workflow.ts';
import { UserInputError, userError } from '../core/errors.ts';
import { toSteps } from '../core/to-steps.ts';
import type { WorkflowCatalog } from '../tasks/workflow-catalog.ts';
import { payloadProblems } from './enqueue-task.ts';
import { enqueueWorkflow, type EnqueuedWorkflow, type EnqueueWorkflowInput } from './enqueue-workflow.ts';
import type { EnqueueResources } from './resources.ts';

export interface EnqueueDefinedWorkflowInput extends Omit<EnqueueWorkflowInput, 'steps'> {
  /** What the workflow's contract takes. */
  input: unknown;
}

/**
 * Enqueues a workflow that is defined under a name.
 *
 * Throws a `UserInputError` with UNKNOWN_WORKFLOW, PAYLOAD_INVALID, where paths are those in the input, or as
 * `enqueueWorkflow` does, where they are those in the steps; nothing is stored then.
 */
export async function enqueueDefinedWorkflow(
  resources: EnqueueResources & { workflows: WorkflowCatalog },
  { name, input, ...rest }: EnqueueDefinedWorkflowInput,
): Promise<EnqueuedWorkflow> {
  const contract = resources.workflows.find(name);
  if (!contract) throw unknownWorkflow(name, resources.workflows.contracts);
  const [problem, ...more] = payloadProblems(contract, input);
  if (problem) throw new UserInputError([problem, ...more]);
  const steps = toSteps(contract.build(contract.input.parse(input ?? {})));
  return enqueueWorkflow(resources, { ...rest, name, steps });
}

function unknownWorkflow(name: string, contracts: readonly WorkflowContract[]): UserInputError {
  const known = contracts.map((contract) => contract.name).join(', ');
  const message = `expected the name of a workflow (${known}), got: ${JSON.stringify(name)}`;
  return userError('UNKNOWN_WORKFLOW', message, ['name']);
}
