import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** Lines of the sample. */
export const SAMPLE_LINES = 2_000_000;

const WORDS = ['task', 'queue', 'worker', 'retry', 'progress', 'event', 'result', 'signal', 'commit', 'lock', 'cursor'];
const LINES_A_CHUNK = 1000;

/** Writes a text file that is the same each time: {@link SAMPLE_LINES} lines of about 60 bytes. */
export async function writeSampleFile(path: string): Promise<void> {
  await pipeline(Readable.from(sampleChunks()), createWriteStream(path));
}

function* sampleChunks(): Generator<string> {
  for (let line = 0; line < SAMPLE_LINES; line += LINES_A_CHUNK) {
    let chunk = '';
    for (let at = line; at < Math.min(SAMPLE_LINES, line + LINES_A_CHUNK); at += 1) chunk += sampleLine(at);
    yield chunk;
  }
}

/** The words follow from the number of the line by a linear congruence (Numerical Recipes' constants). */
function sampleLine(number: number): string {
  let state = number;
  const words = Array.from({ length: 4 + (number % 7) }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return WORDS[state % WORDS.length];
  });
  return `${number} ${words.join(' ')}\n`;
}
