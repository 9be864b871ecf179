import type { ServiceResources } from './resources.ts';
import type { WorkflowNews } from './advance-workflows.ts';

/** What telling of workflows needs. */
export type AnnounceResources = Pick<ServiceResources, 'bus' | 'dispatcher' | 'queues'>;

/**
 * Says and does what a transaction in which workflows went on has led to; called after its commit. Nothing depends on it: the
 * reconciler finds tasks without a job, and whoever follows finds the events in Postgres.
 */
export function announceWorkflows({ bus, dispatcher, queues }: AnnounceResources, news: WorkflowNews): void {
  bus.publish(news.taskEvents);
  bus.publishWorkflow(news.workflowEvents);
  if (news.tasks.length > 0) dispatcher.dispatch(news.tasks);
  for (const task of news.withdrawn) void queues.remove(task);
}
