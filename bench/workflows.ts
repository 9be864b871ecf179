import { setTimeout as delay } from 'node:timers/promises';
import { type FlowJob, FlowProducer } from 'bullmq';
import { Redis } from 'ioredis';
import { readServiceConfig } from '../src/config.ts';
import type { EnqueueResources } from '../src/operations/resources.ts';
import { type Statement, statement } from '../src/db/sql.ts';
import { openLogger } from '../src/logger.ts';
import type { WorkflowStepSpec } from '../src/operations/check-workflow.ts';
import { enqueueTasks } from '../src/operations/enqueue-tasks.ts';
import { enqueueWorkflow } from '../src/operations/enqueue-workflow.ts';
import { openCoreService } from '../src/service.ts';
import type { Bench } from './bench.ts';
import type { Child } from './child.ts';
import { formatTimes, type Measure, milliseconds } from './report.ts';
import { median, sharedClockMs } from './statistics.ts';
import { printTopStatements } from './top-statements.ts';
import type { World } from './world.ts';

const CONCURRENCY = '50';
const GROUP = 1000;
const CHAIN = 100;
const POLL_MS = 2;

/** Does one thing from being enqueued to its end; answers how many milliseconds it took. */
type Timed = () => Promise<number>;

/** A group of no-op steps and a chain of them: BullMQ's flows, and Taskwire's workflows in Postgres. One worker each. */
export async function benchWorkflows(bench: Bench): Promise<Measure[]> {
  const { rounds } = bench.options;
  await using world = await bench.openWorld('workflows');
  const environment = { CONCURRENCY };
  await using opened = new AsyncDisposableStack();
  const rawWorker = await world.start('raw worker', 'bench/raw-worker.ts', { environment });
  const raw = opened.adopt(openFlows(world, rawWorker), ({ close }) => close());
  opened.use(await world.start('worker', 'worker/main.ts', { environment }));
  const taskwire = opened.adopt(await openTaskwire(world, bench.signal), ({ close }) => close());
  console.log(`\nWorkflows: ${rounds} rounds of a group of ${GROUP} and a chain of ${CHAIN} no-op steps`);
  const sides = {
    'group, BullMQ flow': raw.group,
    'group, Taskwire': taskwire.group,
    [`${GROUP} tasks, Taskwire`]: taskwire.tasks,
    'chain, BullMQ flow': raw.chain,
    'chain, Taskwire': taskwire.chain,
  };
  const times = Object.fromEntries(Object.keys(sides).map((side) => [side, [] as number[]]));
  for (let round = 0; round <= rounds; round += 1) {
    for (const [side, run] of Object.entries(sides)) {
      const tookMs = await run();
      if (round > 0) times[side]?.push(tookMs); // the first warms up
    }
  }
  console.log(formatTimes(times));
  if (bench.options.statements) await printTopStatements(world);

  const of = (side: keyof typeof sides) => median(times[side] ?? []);
  const compare = (name: string, rawMs: number, taskwireMs: number): Measure => {
    return { name, raw: milliseconds(rawMs), taskwire: milliseconds(taskwireMs), ratio: rawMs / taskwireMs };
  };
  return [
    compare(`group of ${GROUP} steps`, of('group, BullMQ flow'), of('group, Taskwire')),
    compare(`group of ${GROUP} steps, beside ${GROUP} tasks`, of(`${GROUP} tasks, Taskwire`), of('group, Taskwire')),
    compare(`chain of ${CHAIN} steps`, of('chain, BullMQ flow'), of('chain, Taskwire')),
  ];
}

interface Flows {
  group: Timed;
  chain: Timed;
  close(): Promise<void>;
}

function openFlows({ redisUrl, keyPrefix: prefix }: World, worker: Child): Flows {
  const redis = new Redis(redisUrl);
  const flows = new FlowProducer({ connection: redis, prefix });
  const job = (children: FlowJob[] = []): FlowJob => {
    return { name: 'noop', queueName: 'raw', data: {}, opts: { removeOnComplete: true, removeOnFail: true }, children };
  };
  const timed = async (flow: FlowJob, jobs: number) => {
    await worker.request('expect', jobs);
    const startedMs = sharedClockMs();
    await flows.add(flow);
    await worker.request('reached');
    return sharedClockMs() - startedMs;
  };
  return {
    group: () => timed(job(Array.from({ length: GROUP }, () => job())), GROUP + 1),
    chain: () =>
      timed(
        Array.from({ length: CHAIN - 1 }).reduce<FlowJob>((flow) => job([flow]), job()),
        CHAIN,
      ),
    async close() {
      await flows.close();
      redis.disconnect();
    },
  };
}

const HAS_OPEN_TASKS = statement('select exists (select from open_task) as open');
const HAS_OPEN_WORKFLOWS = statement(`select exists (select from workflow where state = 'RUNNING') as open`);

async function openTaskwire({ environment }: World, signal: AbortSignal): Promise<Flows & { tasks: Timed }> {
  const core = await openCoreService({
    config: readServiceConfig(environment),
    logger: openLogger({ level: 'error' }),
    applicationName: 'taskwire:bench',
    poolSize: 4,
  });
  const { resources } = core;
  const isOpen = async (wanted: Statement) => (await resources.sql.query<{ open: boolean }>(wanted, []))[0]?.open;
  const timed = async (begin: () => Promise<unknown>, open: Statement) => {
    const startedMs = sharedClockMs();
    await begin();
    while (await isOpen(open)) await delay(POLL_MS, undefined, { signal });
    return sharedClockMs() - startedMs;
  };
  const inputs = Array.from({ length: GROUP }, () => ({ name: 'noop', payload: {} }));
  return {
    group: () => timed(() => begin(resources, 'group', stepsOf(GROUP)), HAS_OPEN_WORKFLOWS),
    chain: () => timed(() => begin(resources, 'chain', chained(stepsOf(CHAIN))), HAS_OPEN_WORKFLOWS),
    tasks: () => timed(() => enqueueTasks(resources, inputs), HAS_OPEN_TASKS),
    close: () => core.close(),
  };
}

function begin(resources: EnqueueResources, name: string, steps: WorkflowStepSpec[]): Promise<unknown> {
  return enqueueWorkflow(resources, { name, steps });
}

function stepsOf(count: number): WorkflowStepSpec[] {
  return Array.from({ length: count }, (_, at) => ({ key: String(at), task: 'noop' }));
}

function chained(steps: WorkflowStepSpec[]): WorkflowStepSpec[] {
  return steps.map((step, at) => ({ ...step, dependsOn: at === 0 ? [] : [String(at - 1)] }));
}
