import type { TaskEvent } from '../src/core/task-event.ts';
import { appendWorkflowProgress, type StepProgress } from '../src/db/statements/append-workflow-progress.ts';
import type { ClaimedTask } from '../src/db/statements/claim-tasks.ts';
import type { Logger } from '../src/logger.ts';
import type { CoreService } from '../src/service.ts';

/** Between two events of a workflow that this worker writes for the progress of its steps. */
const INTERVAL_MS = 1000;

/** What there is to tell of a workflow. */
interface Told {
  /** What came last and is not written. */
  waiting: StepProgress | undefined;
}

/**
 * Tells those who follow a workflow how far its running steps are: the first report at once, then at most one a second, of
 * which the newest wins. What is lost on the way is made up for by the next report, or by the end of the step.
 */
export class WorkflowProgress {
  readonly #core: Pick<CoreService['resources'], 'sql' | 'bus'>;
  readonly #logger: Logger;
  readonly #told = new Map<string, Told>();

  constructor(core: Pick<CoreService['resources'], 'sql' | 'bus'>, logger: Logger) {
    this.#core = core;
    this.#logger = logger;
  }

  /** A task has written that it has got further. */
  note({ id: taskId, workflowId, workflowStep: position }: ClaimedTask, { sequence }: TaskEvent): void {
    if (workflowId === null || position === null) return;
    const progress = { workflowId, position, taskId, taskSequence: sequence };
    const told = this.#told.get(workflowId);
    if (told) told.waiting = progress;
    else this.#tell(progress);
  }

  #tell(progress: StepProgress): void {
    const { workflowId } = progress;
    const told: Told = { waiting: undefined };
    this.#told.set(workflowId, told);
    void this.#write(progress, told);
    setTimeout(() => {
      if (this.#told.get(workflowId) !== told) return;
      this.#told.delete(workflowId);
      if (told.waiting) this.#tell(told.waiting);
    }, INTERVAL_MS).unref();
  }

  async #write(progress: StepProgress, told: Told): Promise<void> {
    const { workflowId } = progress;
    try {
      const event = await appendWorkflowProgress(this.#core.sql, progress);
      if (event) this.#core.bus.publishWorkflow([event]);
      else if (this.#told.get(workflowId) === told) this.#told.delete(workflowId); // it is not said to be RUNNING yet
    } catch (error) {
      this.#logger.debug({ error }, 'the progress of a workflow was not written');
    }
  }
}
