import type { z } from 'zod';
import type { Node } from './canvas.ts';
import { requireName } from './define-task.ts';

/** A workflow that can be enqueued by its name. */
export interface WorkflowContract<Name extends string = string, Input extends z.ZodObject = z.ZodObject> {
  /** kebab-case and unique: its workflows have it, and the mutation is named after it. */
  readonly name: Name;
  /** One sentence, shown in GraphiQL. */
  readonly description: string;
  /** Validated when the workflow is enqueued. */
  readonly input: Input;
  /** Writes the workflow. The same input must give the same: that is what idempotency keys go by. */
  build(input: z.output<Input>): Node<unknown>;
}

/** Defines a workflow. Throws a `TypeError` when the name is not kebab-case. */
export function defineWorkflow<const Name extends string, Input extends z.ZodObject>(
  contract: WorkflowContract<Name, Input>,
): WorkflowContract<Name, Input> {
  requireName('workflow name', contract.name);
  return Object.freeze({ ...contract });
}
