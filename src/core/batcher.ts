/** Runs many items in one go; answers one result for each item, in the items' order. */
export type RunBatch<Item, Result> = (items: readonly Item[]) => Promise<readonly Result[]>;

interface Waiting<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

export interface BatcherOptions {
  /** The most items in one batch; default 100. */
  maxItems?: number;
  /** How many batches may be under way at once; default 1. */
  maxInFlight?: number;
  /**
   * Whether the items of a batch that failed with this error are run again one by one, so that one bad item fails only
   * itself; default never.
   */
  runAloneAfter?: (error: unknown) => boolean;
}

/**
 * Group commit: while a batch is under way, what is added waits and forms the next batch. A lone item goes at once, and
 * the busier it gets the larger the batches; there is no timer.
 */
export class Batcher<Item, Result> {
  readonly #run: RunBatch<Item, Result>;
  readonly #options: Required<BatcherOptions>;
  #waiting: Waiting<Item, Result>[] = [];
  #inFlight = 0;
  #scheduled = false;

  constructor(run: RunBatch<Item, Result>, options: BatcherOptions = {}) {
    this.#run = run;
    this.#options = { maxItems: 100, maxInFlight: 1, runAloneAfter: () => false, ...options };
  }

  /** Adds an item; resolves or rejects with its own result. */
  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#schedule();
    });
  }

  /** Waits a turn of the event loop first, so that items which arrive together travel together. */
  #schedule(): void {
    if (this.#scheduled || this.#inFlight >= this.#options.maxInFlight) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    const batch = this.#waiting.splice(0, this.#options.maxItems);
    if (batch.length === 0) return;
    this.#inFlight += 1;
    if (this.#waiting.length > 0) this.#schedule();
    await this.#settle(batch);
    this.#inFlight -= 1;
    if (this.#waiting.length > 0) this.#schedule();
  }

  async #settle(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#run(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, index) => resolve(results[index] as Result));
    } catch (error) {
      if (batch.length > 1 && this.#options.runAloneAfter(error)) {
        for (const waiting of batch) await this.#settle([waiting]);
      } else {
        for (const { reject } of batch) reject(error);
      }
    }
  }
}
