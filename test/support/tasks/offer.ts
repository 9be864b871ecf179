import type { TaskContract } from '../../../src/core/define-task.ts';

/**
 * Preloaded (`--import`) into processes of the product and their children: adds the tests' tasks to the catalogue, before
 * anything reads it. The guard of a child has no use for them.
 */
if (!process.argv[1]?.endsWith('guard.ts')) {
  const { catalog } = await import('../../../src/tasks/catalog.ts');
  const { queues } = await import('../../../src/tasks/queues.ts');
  const { contracts, LIMIT } = await import('./contracts.ts');
  (catalog as unknown as TaskContract[]).push(...contracts);
  Object.assign(queues, { limited: { rateLimit: LIMIT } });
  if (!process.argv[1]?.endsWith('src/main.ts')) {
    const { handlers } = await import('../../../worker/handlers/registry.ts');
    Object.assign(handlers, (await import('./handlers.ts')).handlers);
  }
}
