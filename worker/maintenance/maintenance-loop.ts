import type { Logger } from '../../src/logger.ts';

export interface MaintenanceLoopOptions {
  name: string;
  /** From the end of one run to the beginning of the next. */
  intervalMs: number;
  runOnce: () => Promise<void>;
  logger: Logger;
}

/** Runs a piece of maintenance again and again until it is stopped; a run that fails is logged and the next one tries again. */
export class MaintenanceLoop {
  readonly #options: MaintenanceLoopOptions;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #stopped = true;

  constructor(options: MaintenanceLoopOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stopped = false;
    this.#run();
  }

  /** Resolves when a run that is under way has ended. Does nothing the second time. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** Runs now, without waiting for the interval. */
  poke(): void {
    if (this.#stopped || this.#running) return;
    clearTimeout(this.#timer);
    this.#run();
  }

  #run(): void {
    const { name, runOnce, logger, intervalMs } = this.#options;
    this.#running = runOnce()
      .catch((error: unknown) => logger.debug({ loop: name, error }, 'Maintenance did not work this time'))
      .finally(() => {
        this.#running = undefined;
        if (!this.#stopped) this.#timer = setTimeout(() => this.#run(), intervalMs);
      });
  }
}
