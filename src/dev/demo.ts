import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { SingleBar } from 'cli-progress';
import { readConfig } from '../config.ts';
import { messageOf } from '../core/errors.ts';
import { openLogger } from '../logger.ts';
import { DemoClient, type DemoEvent } from './demo-client.ts';
import { SAMPLE_LINES, writeSampleFile } from './sample-file.ts';
import { startStack } from './stack.ts';

/**
 * `npm run demo [-- path/to/file]`: starts Taskwire on free ports with a temporary folder, processes a file, shows its
 * live progress and its result, and ends all again. Exits 0 when the task succeeded.
 */
const interrupted = Promise.withResolvers<never>();
interrupted.promise.catch(() => undefined); // heard of where the demo waits
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => interrupted.reject(new Error('Interrupted')));
}

try {
  await demonstrate(process.argv[2]);
  process.exit(0);
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(1);
}

async function demonstrate(givenPath: string | undefined): Promise<void> {
  if (givenPath !== undefined) await requireFile(givenPath);
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'taskwire-demo-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const environment = { PORT: '0', HOST: '127.0.0.1', DATA_DIR: folder, LOG_LEVEL: process.env.LOG_LEVEL ?? 'warn' };
  const config = readConfig({ ...process.env, ...environment });

  say('Starting Postgres, Redis, the API and a worker …');
  const stack = await startStack({ config, logger: openLogger({ level: config.logLevel }), environment });
  opened.defer(() => stack.stop());
  await Promise.race([useApi(stack.url, await fileFor(givenPath, folder)), interrupted.promise, broken(stack.broken)]);
}

async function useApi(url: string, path: string): Promise<void> {
  const client = new DemoClient(url);
  say(`Uploading ${path} …`);
  const fileId = await client.upload(path);
  const id = await client.processLargeFile(fileId);
  say(`Task ${id} is enqueued; its progress comes over the subscription:`);
  const end = await showProgress(client.events(id));
  if (end?.state !== 'SUCCESS') throw new Error(`The task ended with ${end?.error?.code}: ${end?.error?.message}`);
  say('Result:');
  for (const [name, value] of Object.entries(end.result ?? {})) say(`  ${name.padEnd(12)} ${String(value)}`);
}

/** Answers the last event. */
async function showProgress(events: AsyncIterable<DemoEvent>): Promise<DemoEvent | undefined> {
  const bar = new SingleBar({
    format: '  [{bar}] {percentage}% | {value}/{total} lines | {rate} lines/s | {remaining} s left',
    barCompleteChar: '#',
    barIncompleteChar: '-',
    noTTYOutput: true,
    notTTYSchedule: 100,
    stream: process.stdout,
  });
  let last: DemoEvent | undefined;
  for await (const event of events) {
    last = event;
    if (event.progress) drawProgress(bar, event.progress);
  }
  bar.stop();
  return last;
}

function drawProgress(
  bar: SingleBar,
  { current, total, ratePerSecond, etaSeconds }: NonNullable<DemoEvent['progress']>,
): void {
  const shown = {
    rate: ratePerSecond === null ? '-' : Math.round(ratePerSecond),
    remaining: etaSeconds?.toFixed(1) ?? '-',
  };
  if (bar.isActive) bar.update(current, shown);
  else bar.start(total ?? 0, current, shown);
}

async function fileFor(givenPath: string | undefined, folder: string): Promise<string> {
  if (givenPath !== undefined) return resolve(givenPath);
  const path = join(folder, 'sample.txt');
  say(`Writing a sample of ${SAMPLE_LINES.toLocaleString('en')} lines …`);
  await writeSampleFile(path);
  return path;
}

async function requireFile(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile()) return;
  throw new Error(`Expected the path of a file, got: ${path} (${found ? 'not a file' : 'nothing there'})`);
}

async function broken(reason: Promise<string>): Promise<never> {
  throw new Error(await reason);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
