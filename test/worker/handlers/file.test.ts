import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import * as fc from 'fast-check';
import { describe, expect } from 'vitest';
import { TaskCancelled } from '../../../src/core/errors.ts';
import { newId } from '../../../src/core/ids.ts';
import { StoredFile } from '../../../src/db/entities/stored-file.ts';
import { uploadFile } from '../../../src/operations/upload-file.ts';
import { processLargeFile, TextCounter } from '../../../worker/handlers/file.ts';
import { type StoredFiles, test } from '../../operations/stored-files.ts';
import { openContext } from './task-context.ts';

/** The same counts another way: from the whole text as one string, a character for each byte. */
function countByReference(content: Buffer) {
  const text = content.toString('latin1');
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return {
    lines: lines.length,
    words: text.match(/[^ \t\n\v\f\r]+/g)?.length ?? 0,
    bytes: content.length,
    longestLine: lines.reduce((longest, line) => Math.max(longest, line.length), 0),
    sha256: createHash('sha256').update(content).digest('hex'),
  };
}

function count(chunks: readonly Uint8Array[]) {
  const counter = new TextCounter();
  for (const chunk of chunks) counter.add(chunk);
  return counter.finish();
}

describe('TextCounter', () => {
  const byte = fc.oneof(fc.constantFrom(9, 10, 11, 12, 13, 32), fc.constantFrom(10, 97), fc.nat(255));
  const chunk = fc.array(byte, { maxLength: 40 }).map((bytes) => Uint8Array.from(bytes));

  test('counts the same however the content is cut into chunks', () => {
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 20 }), (chunks) => {
        expect(count(chunks)).toEqual(countByReference(Buffer.concat(chunks)));
      }),
      { numRuns: 2000 },
    );
  });

  test.for([
    ['nothing', '', { lines: 0, words: 0, bytes: 0, longestLine: 0 }],
    ['a newline', '\n', { lines: 1, words: 0, bytes: 1, longestLine: 0 }],
    ['a last line without a newline', 'a b\nc', { lines: 2, words: 3, bytes: 5, longestLine: 3 }],
    ['CRLF, whose \\r is part of the line', 'ab\r\nc\r\n', { lines: 2, words: 2, bytes: 7, longestLine: 3 }],
    ['letters of more than one byte', 'é 日\n', { lines: 1, words: 2, bytes: 7, longestLine: 6 }],
    ['a no-break space, which is no space in bytes', 'a\u00a0b', { lines: 1, words: 1, bytes: 4, longestLine: 4 }],
    ['NUL, which is no white space', 'a\u0000b \u0000', { lines: 1, words: 2, bytes: 5, longestLine: 5 }],
  ] as const)('counts %s', ([, text, expected]) => {
    expect(count([Buffer.from(text)])).toMatchObject(expected);
  });

  test('a line is as long as it is, over any number of chunks', () => {
    const chunks = ['short\nxx', 'x'.repeat(1000), '', 'xx\nshort', 'er\n'].map((text) => Buffer.from(text));

    expect(count(chunks)).toMatchObject({ lines: 3, words: 3, longestLine: 1004 });
  });
});

async function upload(stored: StoredFiles, content: Readable, maxUploadBytes = stored.maxUploadBytes): Promise<string> {
  const input = { name: 'text', contentType: 'text/plain', content };
  const { id } = await uploadFile({ ...stored, maxUploadBytes }, input);
  return id;
}

test('a file is counted, with its progress in lines and their total', async ({ stored }) => {
  const content = Buffer.from(`${'the quick brown fox\n'.repeat(20_000)}jumps`);
  const fileId = await upload(stored, Readable.from([content]));
  const context = openContext({ resources: stored });

  const result = await processLargeFile({ fileId }, context);

  expect(result).toEqual(countByReference(content));
  expect(context.reports[0]).toMatchObject({ current: 0, total: 20_001 });
  expect(context.reports.at(-1)).toMatchObject({ current: 20_001, total: 20_001 });
  expect(context.reports.length).toBeGreaterThan(4);
  expect(context.reports.length).toBeLessThan(100);
  const currents = context.reports.map(({ current }) => current);
  expect(currents).toEqual(currents.toSorted((a, b) => a - b));
});

test('a file of random bytes is counted', async ({ stored }) => {
  const content = randomBytes(500_000);
  const fileId = await upload(stored, Readable.from([content]));

  expect(await processLargeFile({ fileId }, openContext({ resources: stored }))).toEqual(countByReference(content));
});

test('an empty file has nothing in it', async ({ stored }) => {
  const fileId = await upload(stored, Readable.from([]));
  const context = openContext({ resources: stored });

  const result = await processLargeFile({ fileId }, context);

  expect(result).toEqual(countByReference(Buffer.alloc(0)));
  expect(context.reports.at(-1)).toMatchObject({ current: 0, total: 0 });
});

test('an unknown file fails for good', async ({ stored }) => {
  const running = processLargeFile({ fileId: newId() }, openContext({ resources: stored }));

  await expect(running).rejects.toMatchObject({ name: 'FileNotFoundError', code: 'FILE_NOT_FOUND' });
});

test('a file with more bytes than can be told fails for good before it is read', async ({ stored }) => {
  const fileId = await upload(stored, Readable.from(['content']));
  const context = openContext({ resources: stored });
  const sayIts = (size: number) => stored.orm.em.fork().nativeUpdate(StoredFile, { id: fileId }, { size });

  await sayIts(2 ** 31);
  const tooLarge = await processLargeFile({ fileId }, context).catch((error: unknown) => error);
  const reports = context.reports.length;
  await sayIts(2 ** 31 - 1);
  const result = await processLargeFile({ fileId }, context);

  expect(tooLarge).toMatchObject({ name: 'FailPermanently', code: 'FILE_TOO_LARGE' });
  expect(tooLarge).toMatchObject({ message: 'expected a file of at most 2147483647 bytes, got: 2147483648' });
  expect(reports).toBe(0);
  expect(result).toMatchObject({ bytes: 7 });
});

test('a cancelled task stops reading and says why', async ({ stored }) => {
  const fileId = await upload(stored, Readable.from([Buffer.alloc(1_000_000, 'a line\n')]));
  const controller = new AbortController();
  const reason = new TaskCancelled('no longer wanted');
  const reported: number[] = [];
  const context = openContext({
    resources: stored,
    signal: controller.signal,
    progress: (current) => {
      reported.push(current);
      if (reported.length === 3) controller.abort(reason);
    },
  });

  const running = processLargeFile({ fileId }, context);

  await expect(running).rejects.toBe(reason);
  expect(reported).toHaveLength(3);
});

test('a task that is cancelled before it reads does not read', async ({ stored }) => {
  const fileId = await upload(stored, Readable.from(['content']));
  const reason = new TaskCancelled(null);

  const running = processLargeFile({ fileId }, openContext({ resources: stored, signal: AbortSignal.abort(reason) }));

  await expect(running).rejects.toBe(reason);
});

test('a line of 200 MB is uploaded and counted in far less memory than that', async ({ stored }) => {
  const chunkBytes = 1_000_000;
  const chunks = 200;
  const before = process.memoryUsage().rss;
  let most = 0;
  const measure = () => (most = Math.max(most, process.memoryUsage().rss - before));
  function* generate() {
    for (let number = 0; number < chunks; number += 1) {
      measure();
      yield Buffer.alloc(chunkBytes, 'x');
    }
  }

  const fileId = await upload(stored, Readable.from(generate()), chunks * chunkBytes);
  const result = await processLargeFile({ fileId }, openContext({ resources: stored, progress: measure }));

  expect(result).toMatchObject({ lines: 1, words: 1, bytes: 200_000_000, longestLine: 200_000_000 });
  expect(most).toBeLessThan(150_000_000);
});
