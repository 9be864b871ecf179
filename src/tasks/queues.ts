import type { RateLimit } from '../core/define-task.ts';

/** What is declared of a queue, over all workers; a queue that is not named here has no limit. */
export interface QueueDefinition {
  /** How many attempts may start. */
  rateLimit: RateLimit;
}

/** The queues with limits. */
export const queues: Readonly<Record<string, QueueDefinition>> = {
  // What mail servers and gateways commonly accept from one sender.
  email: { rateLimit: { max: 100, perSeconds: 1 } },
  payment: { rateLimit: { max: 50, perSeconds: 1 } },
};
