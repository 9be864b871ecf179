import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { answerRequests } from './answer-requests.ts';

/** In bytes, when the garbage is collected. */
export interface Memory {
  rss: number;
  /** Of JavaScript objects, and of buffers outside V8's heap. */
  used: number;
}

const COLLECTIONS = 4;
const BETWEEN_MS = 250;

/** Preloaded into a server: collects its garbage and says how much memory it has left, when asked to. */
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

answerRequests({
  async memory(): Promise<Memory> {
    for (let collection = 0; collection < COLLECTIONS; collection += 1) {
      collectGarbage();
      await delay(BETWEEN_MS); // for what is freed later, and for pages to go back to the system
    }
    const { rss, heapUsed, external } = process.memoryUsage();
    return { rss, used: heapUsed + external };
  },
});
