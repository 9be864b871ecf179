import { deriveProgress, type ProgressOrigin, type ProgressReport } from '../src/core/progress.ts';
import type { TaskEvent } from '../src/core/task-event.ts';
import { toStorableText } from '../src/core/storable.ts';
import { type WritingAttempt, writeEvent } from './event-writer.ts';
import type { WorkerResources } from './worker-resources.ts';

/** At most ten reports a second and task are written. */
const INTERVAL_MS = 100;

/**
 * Writes the progress of one attempt: the first report at once, then at most ten a second, of which the newest wins. What
 * was reported last is written before {@link flush} resolves; after {@link end} no report counts.
 */
export class ProgressReporter {
  readonly #resources: WorkerResources;
  readonly #attempt: WritingAttempt;
  readonly #onWritten: (event: TaskEvent) => void;
  #origin: ProgressOrigin | undefined;
  #pending: ProgressReport | undefined;
  #writing: Promise<void> | undefined;
  #lastWriteMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  /** `onWritten` hears of each report that was written. */
  constructor(resources: WorkerResources, attempt: WritingAttempt, onWritten: (event: TaskEvent) => void) {
    this.#resources = resources;
    this.#attempt = attempt;
    this.#onWritten = onWritten;
  }

  /** Never throws for a number that can't be stored: such a report is left out. */
  report(report: ProgressReport): void {
    if (this.#ended || !Number.isFinite(report.current)) return;
    this.#pending = toStorable(report);
    this.#origin ??= { current: report.current, atMs: Date.now() };
    if (this.#writing || this.#timer) return;
    const waitMs = this.#lastWriteMs + INTERVAL_MS - Date.now();
    if (waitMs <= 0) this.#write();
    else this.#timer = setTimeout(() => this.#write(), waitMs);
  }

  /** Writes what is left. */
  async flush(): Promise<void> {
    while (this.#writing || this.#pending) {
      if (!this.#writing) this.#write();
      await this.#writing;
    }
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const report = this.#pending;
    if (!report || !this.#origin) return;
    this.#pending = undefined;
    this.#lastWriteMs = Date.now();
    this.#writing = this.#append(report, this.#origin).finally(() => {
      this.#writing = undefined;
      if (this.#pending) this.report(this.#pending);
    });
  }

  async #append(report: ProgressReport, origin: ProgressOrigin): Promise<void> {
    const { taskId, attempt } = this.#attempt;
    const progress = deriveProgress(report, origin, Date.now());
    const event = { taskId, attempt, type: 'PROGRESS', progress, message: null, at: progress.at } as const;
    const written = await writeEvent(this.#resources, this.#attempt, event);
    if (written) this.#onWritten(written);
  }
}

function toStorable({ current, total, message }: ProgressReport): ProgressReport {
  return {
    current,
    total: Number.isFinite(total) ? total : undefined,
    message: message === undefined ? undefined : toStorableText(message),
  };
}
