import type { WorkflowEvent } from '../src/core/workflow-event.ts';
import type { ClaimedTask } from '../src/db/statements/claim-tasks.ts';
import type { StepStart } from '../src/db/statements/start-steps.ts';
import type { Logger } from '../src/logger.ts';

/** A step that has not ended by then is said to be RUNNING; long for a machine, short for a person. */
const DELAY_MS = 20;

export interface StepStartsOptions {
  /** Writes starts; answers the events of those that were not known. */
  write(starts: readonly StepStart[]): Promise<WorkflowEvent[]>;
  publish(events: readonly WorkflowEvent[]): void;
  logger: Logger;
}

/**
 * Says of the steps of workflows that they are RUNNING: of all that began within a few milliseconds together, and not of
 * those that have ended by then, whose end says it too. So a workflow's row is not locked twice for each short step.
 */
export class StepStarts {
  readonly #options: StepStartsOptions;
  readonly #waiting = new Map<string, StepStart>();
  #scheduled = false;

  constructor(options: StepStartsOptions) {
    this.#options = options;
  }

  /** An attempt has begun. Does nothing for a task that is in no workflow. */
  note({ id: taskId, sequence: taskSequence, workflowId, workflowStep: position }: ClaimedTask): void {
    if (workflowId === null || position === null) return;
    this.#waiting.set(taskId, { workflowId, position, taskId, taskSequence });
    if (this.#scheduled) return;
    this.#scheduled = true;
    setTimeout(() => void this.#flush(), DELAY_MS).unref();
  }

  /** The attempt has ended. */
  forget(taskId: string): void {
    this.#waiting.delete(taskId);
  }

  async #flush(): Promise<void> {
    this.#scheduled = false;
    const starts = [...this.#waiting.values()];
    this.#waiting.clear();
    if (starts.length === 0) return;
    try {
      this.#options.publish(await this.#options.write(starts));
    } catch (error) {
      this.#options.logger.debug({ error }, 'steps are said to be RUNNING when they end');
    }
  }
}
