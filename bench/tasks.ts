import { setTimeout as delay } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { readServiceConfig } from '../src/config.ts';
import { newId } from '../src/core/ids.ts';
import { statement } from '../src/db/sql.ts';
import { openLogger } from '../src/logger.ts';
import { enqueueTasks } from '../src/operations/enqueue-tasks.ts';
import { openCoreService } from '../src/service.ts';
import type { Bench } from './bench.ts';
import type { Child } from './child.ts';
import { printCpuProfile } from './cpu-profile.ts';
import { formatRates, type Measure, perSecond, wholeNumber } from './report.ts';
import { median, sharedClockMs } from './statistics.ts';
import { printTopStatements } from './top-statements.ts';
import type { World } from './world.ts';

const CONCURRENCY = '50';
const BATCH = 1000;
const POLL_MS = 20;

/** Runs a round of so many tasks; answers how many a second. */
type Round = (tasks: number) => Promise<number>;

/** No-op tasks from being enqueued to their end: raw BullMQ, and Taskwire with SUCCESS in Postgres. One worker each. */
export async function benchTasks(bench: Bench): Promise<Measure[]> {
  const { rounds, tasks, profile } = bench.options;
  await using world = await bench.openWorld('tasks');
  const rates = { 'raw BullMQ': [] as number[], Taskwire: [] as number[] };
  const environment = { CONCURRENCY };
  {
    await using opened = new AsyncDisposableStack();
    const rawWorker = await world.start('raw worker', 'bench/raw-worker.ts', { environment });
    const runRaw = opened.adopt(openRawRounds(world, rawWorker), ({ close }) => close());
    const nodeOptions = profile
      ? ['--cpu-prof', '--cpu-prof-name=worker.cpuprofile', `--cpu-prof-dir=${world.folder}`]
      : [];
    opened.use(await world.start('worker', 'worker/main.ts', { environment, nodeOptions }));
    const runTaskwire = opened.adopt(await openTaskwireRounds(world, bench.signal), ({ close }) => close());
    console.log(`\nNo-op tasks: ${rounds} rounds of ${wholeNumber(tasks)}, ${BATCH} a call, ${CONCURRENCY} at once`);
    for (let round = 0; round <= rounds; round += 1) {
      const raw = await runRaw.round(tasks);
      const taskwire = await runTaskwire.round(tasks);
      if (round === 0) continue; // warms up
      rates['raw BullMQ'].push(raw);
      rates.Taskwire.push(taskwire);
    }
  } // Postgres counts what its sessions have done when they end
  console.log(formatRates(rates));
  await requireSuccess(world, tasks * (rounds + 1));
  console.log(`  updates of task that were HOT: ${await readHotPercent(world)} %`);
  if (profile) await printCpuProfile(world.folder, 'worker.cpuprofile');
  if (bench.options.statements) await printTopStatements(world);

  const raw = median(rates['raw BullMQ']);
  const taskwire = median(rates.Taskwire);
  const name = 'no-op tasks, enqueued to ended';
  return [{ name, raw: perSecond(raw), taskwire: perSecond(taskwire), ratio: taskwire / raw, aim: '≥ 0.40' }];
}

interface Rounds {
  round: Round;
  close(): Promise<void>;
}

function openRawRounds({ redisUrl, keyPrefix }: World, worker: Child): Rounds {
  const redis = new Redis(redisUrl);
  const queue = new Queue('raw', { connection: redis, prefix: keyPrefix });
  const addBatch = () =>
    queue.addBulk(
      Array.from({ length: BATCH }, () => ({
        name: 'noop',
        data: {},
        opts: { jobId: newId(), removeOnComplete: true, removeOnFail: true },
      })),
    );
  return {
    async round(tasks) {
      await worker.request('expect', tasks);
      const startedMs = sharedClockMs();
      for (let added = 0; added < tasks; added += BATCH) await addBatch();
      await worker.request('reached');
      return ratePerSecond(tasks, startedMs);
    },
    async close() {
      await queue.close();
      redis.disconnect();
    },
  };
}

const HAS_OPEN_TASKS = statement('select exists (select from open_task) as open');

async function openTaskwireRounds({ environment }: World, signal: AbortSignal): Promise<Rounds> {
  const core = await openCoreService({
    config: readServiceConfig(environment),
    logger: openLogger({ level: 'error' }),
    applicationName: 'taskwire:bench',
    poolSize: 4,
  });
  const inputs = Array.from({ length: BATCH }, () => ({ name: 'noop', payload: {} }));
  const isBusy = async () => (await core.resources.sql.query<{ open: boolean }>(HAS_OPEN_TASKS, []))[0]?.open;
  return {
    async round(tasks) {
      const startedMs = sharedClockMs();
      for (let added = 0; added < tasks; added += BATCH) await enqueueTasks(core.resources, inputs);
      while (await isBusy()) await delay(POLL_MS, undefined, { signal });
      return ratePerSecond(tasks, startedMs);
    },
    close: () => core.close(),
  };
}

function ratePerSecond(tasks: number, startedMs: number): number {
  return (tasks * 1000) / (sharedClockMs() - startedMs);
}

async function requireSuccess(world: World, expected: number): Promise<void> {
  const rows = await world.query('select state, count(*)::int as count from task group by state');
  if (rows.length === 1 && rows[0]?.['state'] === 'SUCCESS' && rows[0]['count'] === expected) return;
  throw new Error(`expected ${expected} tasks in SUCCESS and no others, got: ${JSON.stringify(rows)}`);
}

async function readHotPercent(world: World): Promise<string> {
  const [row] = await world.query(
    `select 100.0 * n_tup_hot_upd / nullif(n_tup_upd, 0) as percent from pg_stat_user_tables where relname = 'task'`,
  );
  return Number(row?.['percent']).toFixed(1);
}
