import {
  listCancelled,
  recordHeartbeat,
  removeWorker,
  type WorkerDescription,
} from '../../src/db/statements/worker-heartbeat.ts';
import type { Sql } from '../../src/db/sql.ts';
import type { RunningAttempts } from '../running-attempts.ts';

export interface HeartbeatOptions {
  sql: Sql;
  worker: WorkerDescription;
  lostAfterMs: number;
  running: RunningAttempts;
}

/** Says in Postgres that this worker lives, and finds cancellations whose message was lost. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #heardSinceMs = Number.POSITIVE_INFINITY;
  #lastHeardMs = 0;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /**
   * Whether this worker has been heard of without a gap for as long as it takes to be lost, and just now. After an outage of
   * Postgres, or a sleep of the machine, all workers look lost for a moment; only who has seen the others have their chance
   * to speak may judge.
   */
  get mayJudge(): boolean {
    return this.#isHeard && Date.now() - this.#heardSinceMs >= this.#options.lostAfterMs;
  }

  /** A gap is half the time that it takes to be lost: a worker whose gap began a heartbeat earlier is not lost by then. */
  get #isHeard(): boolean {
    return Date.now() - this.#lastHeardMs < this.#options.lostAfterMs / 2;
  }

  async runOnce(): Promise<void> {
    const { sql, worker, running } = this.#options;
    await recordHeartbeat(sql, worker);
    if (!this.#isHeard) this.#heardSinceMs = Date.now();
    this.#lastHeardMs = Date.now();
    if (running.size === 0) return;
    for (const { id, reason, force } of await listCancelled(sql, worker.id)) {
      running.cancel(id, reason, force);
    }
  }

  async remove(): Promise<void> {
    await removeWorker(this.#options.sql, this.#options.worker.id);
  }
}
