import type { TaskContract } from '../core/define-task.ts';
import { archiveTaskHistory, cleanupOldFiles, pruneTaskHistory } from './cleanup.ts';
import { analyzeData, preprocessData } from './data.ts';
import { block, countdown, failTimes, noop, sum } from './diagnostics.ts';
import { sendNewsletter, sendNotification, sendWelcomeEmail } from './email.ts';
import { convertDocument, importUsers, processFile, processLargeFile, resizeImage } from './file.ts';
import { processOrder, processPayment } from './order.ts';
import { generateReport } from './report.ts';
import { syncExchangeRates } from './sync.ts';
import { createUserProfile, updateUserStats } from './user.ts';

/** Every task contract. The mutations, the GraphQL types and the handlers' registry follow from this list. */
export const catalog = [
  analyzeData,
  archiveTaskHistory,
  block,
  cleanupOldFiles,
  convertDocument,
  countdown,
  createUserProfile,
  failTimes,
  generateReport,
  importUsers,
  noop,
  preprocessData,
  processFile,
  processLargeFile,
  processOrder,
  processPayment,
  pruneTaskHistory,
  resizeImage,
  sendNewsletter,
  sendNotification,
  sendWelcomeEmail,
  sum,
  syncExchangeRates,
  updateUserStats,
] as const satisfies readonly TaskContract[];

/** The contracts by name. */
export type CatalogByName = { [C in (typeof catalog)[number] as C['name']]: C };

/** The contracts that a deployment offers. */
export class TaskCatalog {
  readonly contracts: readonly TaskContract[];
  readonly #byName: ReadonlyMap<string, TaskContract>;

  /** Throws a `TypeError` when two contracts have the same name. */
  constructor(contracts: readonly TaskContract[]) {
    this.contracts = contracts;
    this.#byName = new Map(contracts.map((contract) => [contract.name, contract]));
    if (this.#byName.size < contracts.length) {
      throw new TypeError(
        `expected the names of the tasks to differ, got: ${contracts.map(({ name }) => name).join(', ')}`,
      );
    }
  }

  /** The contract of that name, or undefined. */
  find(name: string): TaskContract | undefined {
    return this.#byName.get(name);
  }

  /** The queues that these tasks use, each once, sorted. */
  get queues(): string[] {
    return [...new Set(this.contracts.map((contract) => contract.queue))].toSorted();
  }
}

/** The shipped tasks, without the diagnostics unless they are wanted. */
export function openCatalog({ diagnosticTasks }: { diagnosticTasks: boolean }): TaskCatalog {
  return new TaskCatalog(catalog.filter((contract) => diagnosticTasks || !contract.diagnostic));
}
