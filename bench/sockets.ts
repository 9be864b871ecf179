import type { Bench } from './bench.ts';
import type { Memory } from './memory-on-request.ts';
import { formatTable, kilobytes, type Measure, wholeNumber } from './report.ts';
import type { Opening } from './socket-clients.ts';
import type { World } from './world.ts';

/** Sockets that are opened and closed first, so that code and connection pools are not taken for sockets. */
const WARM_UP = 200;
const BATCH = 500;
/** Open files that a process has besides its sockets. */
const OTHER_FILES = 200;

const SILENCE = 'subscription ($id: ID!) { silence(id: $id) { sequence type state progress { current total } } }';
const TASK_EVENTS =
  'subscription ($id: ID!) { taskEvents(id: $id) { sequence type state progress { current total } } }';
const ENQUEUE = `mutation ($inputs: [EnqueueTaskInput!]!) {
  enqueueTasks(inputs: $inputs) { task { id } userErrors { message } } }`;

/** Memory of a server for each websocket with one subscription to which nothing happens. */
export async function benchSockets(bench: Bench): Promise<Measure[]> {
  const sockets = socketsWithin(bench.options.sockets, openFilesMax());
  await using world = await bench.openWorld('sockets');
  console.log(
    `\nIdle subscriptions: ${wholeNumber(sockets)} websockets with one each; of Taskwire, each to another task`,
  );
  const ids = Array.from({ length: sockets }, (_, at) => String(at));
  const raw = await measure(world, { script: 'bench/bare-sockets.ts', query: SILENCE, ids });
  const taskwire = await measure(world, {
    script: 'src/main.ts',
    query: TASK_EVENTS,
    ids: await enqueueDelayed(world, sockets),
  });
  console.log(
    formatTable([
      ['a subscription', 'bare graphql-ws', 'Taskwire'],
      ['resident memory', kilobytes(raw.rss), kilobytes(taskwire.rss)],
      ['objects and buffers', kilobytes(raw.used), kilobytes(taskwire.used)],
    ]),
  );
  const name = 'memory of an idle subscription';
  return [{ name, raw: kilobytes(raw.rss), taskwire: kilobytes(taskwire.rss), ratio: taskwire.rss / raw.rss }];
}

interface Server {
  script: string;
  query: string;
  /** A subscription for each. */
  ids: readonly string[];
}

/** How much a server's memory grows by a subscription. */
async function measure(world: World, { script, query, ids }: Server): Promise<Memory> {
  const nodeOptions = ['--import', new URL('memory-on-request.ts', import.meta.url).href];
  await using server = await world.start(script.replaceAll('/', '-'), script, { nodeOptions });
  await using clients = await world.start('socket clients', 'bench/socket-clients.ts');
  const open = (some: readonly string[]) =>
    clients.request('open', { url: server.url, query, ids: some } satisfies Opening);
  await open(ids.slice(0, WARM_UP));
  await clients.request('close');
  const before = await server.request<Memory>('memory');
  await open(ids);
  const after = await server.request<Memory>('memory');
  await clients.request('close');
  return { rss: (after.rss - before.rss) / ids.length, used: (after.used - before.used) / ids.length };
}

/** Enqueues tasks that wait for an hour, by another API than the one that is measured. */
async function enqueueDelayed(world: World, count: number): Promise<string[]> {
  await using api = await world.start('enqueuer', 'src/main.ts');
  const ids: string[] = [];
  while (ids.length < count) {
    const input = { name: 'noop', payload: {}, options: { delaySeconds: 3600 } };
    const inputs = Array.from({ length: Math.min(BATCH, count - ids.length) }, () => input);
    const body = JSON.stringify({ query: ENQUEUE, variables: { inputs } });
    const response = await fetch(api.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const { data, errors } = (await response.json()) as {
      data?: { enqueueTasks: { task: { id: string } }[] };
      errors?: unknown;
    };
    if (!data) throw new Error(`expected delayed tasks, got: ${JSON.stringify(errors)}`);
    ids.push(...data.enqueueTasks.map(({ task }) => task.id));
  }
  return ids;
}

/** How many files a process may have open; Node raises its own limit to the hard one when it starts. */
function openFilesMax(): number {
  const report = process.report.getReport() as { userLimits?: { open_files?: { hard: number | 'unlimited' } } };
  const hard = report.userLimits?.open_files?.hard ?? 'unlimited';
  return hard === 'unlimited' ? Number.POSITIVE_INFINITY : hard;
}

function socketsWithin(wanted: number, filesMax: number): number {
  if (wanted + OTHER_FILES <= filesMax) return wanted;
  const possible = filesMax - OTHER_FILES;
  console.log(`\nThis needs ulimit -n ${wanted + OTHER_FILES} (it is ${filesMax}): ${possible} websockets instead`);
  return possible;
}
