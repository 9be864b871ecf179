import { availableParallelism, cpus, totalmem } from 'node:os';
import { type Bench, type BenchPart, openBench } from './bench.ts';
import { type BenchOptions, type Part, readOptions, USAGE, UsageError } from './options.ts';
import { formatSummary, type Measure } from './report.ts';
import { benchLatency } from './latency.ts';
import { benchLists } from './lists.ts';
import { benchMutations } from './mutations.ts';
import { benchSockets } from './sockets.ts';
import { benchTasks } from './tasks.ts';
import { benchWorkflows } from './workflows.ts';

/**
 * `npm run bench`: measures Taskwire beside what it is built on, in one run. It judges nothing: the exit code is 0 unless
 * something breaks, and 130 after Ctrl-C, which ends everything that was started.
 */
const BENCH_PARTS: Record<Part, BenchPart> = {
  tasks: benchTasks,
  mutations: benchMutations,
  latency: benchLatency,
  sockets: benchSockets,
  lists: benchLists,
  workflows: benchWorkflows,
};

const INTERRUPTED = 130;
const UNWIND_MAX_MS = 15_000;

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt.abort());

try {
  const options = readOptions(process.argv.slice(2));
  if (options) await run(options, interrupt.signal);
  else console.log(USAGE);
} catch (error) {
  if (!interrupt.signal.aborted) console.error(error instanceof UsageError ? error.message : error);
  process.exitCode = interrupt.signal.aborted ? INTERRUPTED : 1;
}
process.exit();

/** Rejects when something breaks, and when it is interrupted; everything that was started has ended then. */
async function run(options: BenchOptions, signal: AbortSignal): Promise<void> {
  await using bench = await openBench(options, signal);
  const parts = runParts(bench);
  const abandoned = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => setTimeout(() => abandoned.reject(signal.reason), UNWIND_MAX_MS));
  await Promise.race([parts, abandoned.promise]);
}

async function runParts(bench: Bench): Promise<void> {
  printMachine(bench);
  const measures: Measure[] = [];
  for (const part of bench.options.parts) measures.push(...(await BENCH_PARTS[part](bench)));
  console.log(`\n${formatSummary(measures)}\n`);
}

function printMachine({ postgresVersion }: Bench): void {
  const gigabytes = (totalmem() / 1024 ** 3).toFixed(0);
  console.log(`${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, ${gigabytes} GB, ${process.platform}`);
  console.log(`Node ${process.version}, PostgreSQL ${postgresVersion} with its default, durable settings`);
}
