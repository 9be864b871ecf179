import type { GraphQLSchema } from 'graphql';
import { messageOf } from '../core/errors.ts';
import type { TaskCatalog } from '../tasks/catalog.ts';
import { WorkflowCatalog } from '../tasks/workflow-catalog.ts';
import { createBuilder } from './builder.ts';
import { addContractTypes } from './contract-types.ts';
import { addOrder } from './types/order.ts';
import { addScalars } from './types/scalars.ts';
import { addSchedule } from './types/schedule.ts';
import { addStoredFile } from './types/stored-file.ts';
import { addTaskDefinition } from './types/task-definition.ts';
import { addTaskError } from './types/task-error.ts';
import { addTaskEvent } from './types/task-event.ts';
import { addTaskMutations } from './types/task-mutations.ts';
import { addTaskProgress } from './types/task-progress.ts';
import { addTaskState } from './types/task-state.ts';
import { addTask } from './types/task.ts';
import { addUserError } from './types/user-error.ts';
import { addUser } from './types/user.ts';
import { addWorkflowDefinition } from './types/workflow-definition.ts';
import { addWorkflowEvent } from './types/workflow-event.ts';
import { addWorkflowMutations } from './types/workflow-mutations.ts';
import { addWorkflowState } from './types/workflow-state.ts';
import { addWorkflowStep } from './types/workflow-step.ts';
import { addWorkflow } from './types/workflow.ts';
import { addWorkflowContractTypes } from './workflow-contract-types.ts';

/**
 * Builds the API's schema for the tasks and defined workflows (default none) that a deployment offers. Throws a `TypeError`
 * when the name of one makes a name that is taken.
 */
export function buildSchema(catalog: TaskCatalog, workflows = new WorkflowCatalog([])): GraphQLSchema {
  const builder = createBuilder();
  builder.queryType({ description: 'What can be read.' });
  builder.mutationType({ description: 'What can be done.' });
  builder.subscriptionType({ description: 'What can be followed live.' });
  addScalars(builder);
  addUserError(builder);
  addTaskError(builder);
  addTaskProgress(builder);
  addTaskState(builder);
  addTaskEvent(builder);
  const taskConnection = addTask(builder, catalog);
  addTaskMutations(builder);
  addTaskDefinition(builder, catalog);
  addWorkflowState(builder);
  addWorkflowEvent(builder);
  addWorkflowStep(builder);
  addWorkflow(builder);
  addWorkflowMutations(builder);
  addWorkflowDefinition(builder, workflows);
  addSchedule(builder, taskConnection);
  addUser(builder);
  addOrder(builder);
  addStoredFile(builder);
  for (const contract of catalog.contracts) {
    naming(`the task ${contract.name}`, () => addContractTypes(builder, contract));
  }
  for (const contract of workflows.contracts) {
    naming(`the workflow ${contract.name}`, () => addWorkflowContractTypes(builder, contract));
  }
  return builder.toSchema({ sortSchema: false });
}

/** Says which contract it was that could not be added. */
function naming(contract: string, add: () => void): void {
  try {
    add();
  } catch (error) {
    throw new TypeError(`${contract} cannot be in the GraphQL schema: ${messageOf(error)}`, { cause: error });
  }
}
