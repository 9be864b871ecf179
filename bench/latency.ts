import type { Bench } from './bench.ts';
import type { Child } from './child.ts';
import type { Watching } from './progress-client.ts';
import { formatTable, type Measure, milliseconds } from './report.ts';
import { max, median, quantile, sharedClockMs } from './statistics.ts';
import { printTopStatements } from './top-statements.ts';
import type { World } from './world.ts';

/** Tasks that report at the same time. Their steps differ, so that their reports spread. */
const TASKS = 4;
/** Longer than the 100 ms within which reports of a task are coalesced. */
const STEP_MS = 120;
const STEP_SPREAD_MS = 7;
const RAW_INTERVAL_MS = 30;
const COMMITS = 200;

const TASK_EVENTS =
  'subscription ($id: ID!) { taskEvents(id: $id) { sequence type state progress { current total } } }';
const ENQUEUE = `mutation ($input: CountdownInput!) {
  enqueueCountdown(input: $input, options: { delaySeconds: 1 }) { task { id } userErrors { message } } }`;

/** Moments by what was reported. */
type Times = [string, number][];

/** From the call of `context.progress` in a worker to its arrival at a client's websocket. */
export async function benchLatency(bench: Bench): Promise<Measure[]> {
  await using world = await bench.openWorld('latency');
  const client = await world.start('client', 'bench/progress-client.ts');
  console.log(`\nProgress, from the call in a worker to a client's websocket: ${bench.options.reports} reports`);
  console.log('  (both moments are read from one monotonic clock in microseconds)');
  const raw = await measureRaw(world, client, bench.options.reports);
  const taskwire = await measureTaskwire(world, client, bench.options.reports);
  const commit = await measureCommits(world);
  const rows = Object.entries({
    'Redis pub/sub and graphql-ws alone': raw,
    'Taskwire, which commits it first': taskwire,
    'one commit of one row, alone': commit,
  }).map(([name, times]) => [
    name,
    milliseconds(median(times)),
    milliseconds(quantile(times, 0.99)),
    milliseconds(max(times)),
  ]);
  console.log(formatTable([['', 'p50', 'p99', 'longest'], ...rows]));
  if (bench.options.statements) await printTopStatements(world);
  return [
    { ...toMeasure('progress to websocket, p50', median(raw), median(taskwire)), aim: '≤ 2 ms' },
    toMeasure('progress to websocket, p99', quantile(raw, 0.99), quantile(taskwire, 0.99)),
  ];
}

function toMeasure(name: string, raw: number, taskwire: number): Measure {
  return { name, raw: milliseconds(raw), taskwire: milliseconds(taskwire), ratio: taskwire / raw };
}

async function measureRaw(world: World, client: Child, reports: number): Promise<number[]> {
  await using server = await world.start('bare sockets', 'bench/bare-sockets.ts');
  await using worker = await world.start('raw worker', 'bench/raw-worker.ts', { environment: { CONCURRENCY: '1' } });
  const channel = 'raw-progress';
  await watch(client, { url: server.url, query: TASK_EVENTS, ids: [channel] });
  const sent = await worker.request<Times>('publish', { channel, reports, intervalMs: RAW_INTERVAL_MS });
  return delaysBetween(sent, await client.request<Times>('arrivals'));
}

async function measureTaskwire(world: World, client: Child, reports: number): Promise<number[]> {
  const preload = new URL('report-times.ts', import.meta.url).href;
  await using api = await world.start('api', 'src/main.ts');
  await using worker = await world.start('worker', 'worker/main.ts', { nodeOptions: ['--import', preload] });
  const steps = Math.ceil(reports / TASKS);
  const ids: string[] = [];
  for (let task = 0; task < TASKS; task += 1) {
    const input = { steps: steps + task, stepMs: STEP_MS + task * STEP_SPREAD_MS };
    ids.push(await enqueue(api.url, input)); // by its number of steps the task is known
  }
  await watch(client, { url: api.url, query: TASK_EVENTS, ids });
  const arrivals = await client.request<Times>('arrivals');
  return delaysBetween(await worker.request<Times>('times'), arrivals);
}

async function watch(client: Child, watching: Watching): Promise<void> {
  await client.request('watch', watching);
}

async function enqueue(url: string, input: { steps: number; stepMs: number }): Promise<string> {
  const body = JSON.stringify({ query: ENQUEUE, variables: { input } });
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const text = await response.text();
  const { data } = JSON.parse(text) as { data?: { enqueueCountdown: { task: { id: string } | null } } };
  if (!data?.enqueueCountdown.task) throw new Error(`expected a task, got: ${text}`);
  return data.enqueueCountdown.task.id;
}

/** Throws when a report has not arrived. */
function delaysBetween(sent: Times, arrived: Times): number[] {
  const arrivedMs = new Map(arrived);
  const missing = sent.filter(([report]) => !arrivedMs.has(report));
  if (missing.length > 0) throw new Error(`expected all ${sent.length} reports to arrive, ${missing.length} did not`);
  return sent.map(([report, sentMs]) => (arrivedMs.get(report) ?? Number.NaN) - sentMs);
}

/** What the disk makes of it: the least that a report which is kept can take. */
async function measureCommits(world: World): Promise<number[]> {
  const { sql, close } = await world.openSql();
  try {
    await sql.query({ text: 'create table commits (at timestamptz not null)' }, []);
    const times: number[] = [];
    for (let commit = 0; commit < COMMITS; commit += 1) {
      const startedMs = sharedClockMs();
      await sql.query({ name: 'commit', text: 'insert into commits values (now())' }, []);
      times.push(sharedClockMs() - startedMs);
    }
    return times;
  } finally {
    await close();
  }
}
