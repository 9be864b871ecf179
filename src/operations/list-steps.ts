import { TaskStep, type TaskStepRow } from '../db/entities/task-step.ts';
import type { ServiceResources } from './resources.ts';

const STEPS_MAX = 1000;

/** The steps that a task has done, oldest first, at most 1,000. */
export function listSteps({ orm }: Pick<ServiceResources, 'orm'>, taskId: string): Promise<TaskStepRow[]> {
  return orm.em.fork().find(TaskStep, { taskId }, { orderBy: { at: 'asc', key: 'asc' }, limit: STEPS_MAX });
}
