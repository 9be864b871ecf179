import { availableParallelism, cpus, totalmem } from 'node:os';
import { type Bench, type BenchPart, openBench } from './bench.ts';
import { type Part, readOptions, USAGE } from './options.ts';
import { formatSummary, type Measure } from './report.ts';
import { benchLatency } from './latency.ts';
import { benchLists } from './lists.ts';
import { benchMutations } from './mutations.ts';
import { benchSockets } from './sockets.ts';
import { benchTasks } from './tasks.ts';

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
};

const interrupted = Promise.withResolvers<'interrupted'>();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interrupted.resolve('interrupted'));
}
process.exitCode = await main();
process.exit();

async function main(): Promise<number> {
  try {
    const options = readOptions(process.argv.slice(2));
    if (!options) {
      console.log(USAGE);
      return 0;
    }
    const bench = await openBench(options);
    const outcome = await Promise.race([runParts(bench).catch(toError), interrupted.promise]);
    await bench[Symbol.asyncDispose]();
    if (outcome instanceof Error) throw outcome;
    return outcome === 'interrupted' ? 130 : 0;
  } catch (error) {
    console.error(error instanceof Error ? error.stack : error);
    return 1;
  }
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

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
