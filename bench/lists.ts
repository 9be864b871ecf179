import { readServiceConfig } from '../src/config.ts';
import { openLogger } from '../src/logger.ts';
import { listTasks } from '../src/operations/list-tasks.ts';
import type { PageInput } from '../src/operations/page.ts';
import type { ServiceResources } from '../src/operations/resources.ts';
import { openService } from '../src/service.ts';
import type { Bench } from './bench.ts';
import { type KnownTask, listCases, type ListCase } from './list-cases.ts';
import { formatTable, type Measure, milliseconds, wholeNumber } from './report.ts';
import { type Seed, SEED_DESCRIPTIONS, SEEDS, seedTasks } from './seed-tasks.ts';
import { max, median, sharedClockMs } from './statistics.ts';
import { printTopStatements } from './top-statements.ts';
import type { World } from './world.ts';

const PAGE = 20;
const RUNS = 9;
/** A page that takes long is not tried so often. */
const CASE_MAX_MS = 2000;
const SLOW_MS = 50;

/** The times of one page of one filter, in milliseconds. */
interface PageTimes {
  page: string;
  times: number[];
  /** Why there is no page. */
  failure?: string;
}

/** Lists among very many tasks: each filter, its first page, the next one and the last one. */
export async function benchLists(bench: Bench): Promise<Measure[]> {
  await using world = await bench.openWorld('lists');
  const measures: Measure[] = [];
  for (const seed of SEEDS) measures.push(await benchSeed(bench, world, seed));
  if (bench.options.statements) await printTopStatements(world);
  return measures;
}

async function benchSeed({ options, signal }: Bench, world: World, seed: Seed): Promise<Measure> {
  const count = options.listTasks;
  const startedMs = sharedClockMs();
  await seedTasks(world, seed, count);
  const seconds = Math.round((sharedClockMs() - startedMs) / 1000);
  console.log(
    `\nLists of ${wholeNumber(count)} tasks, ${SEED_DESCRIPTIONS[seed]} (stored in ${seconds} s); p50 / longest in ms`,
  );
  const service = await openService(readServiceConfig(world.environment), openLogger({ level: 'silent' }));
  try {
    const known = await findKnownTask(world, count);
    await listTasks(service.resources, { first: PAGE }); // the first query of a process connects
    const rows: string[][] = [];
    const all: PageTimes[] = [];
    for (const listCase of listCases(known)) {
      signal.throwIfAborted();
      const pages = await timeCase(service.resources, listCase);
      all.push(...pages);
      rows.push([listCase.name, ...pages.map(formatPage)]);
    }
    console.log(formatTable([['', 'first page', 'next page', 'last page'], ...rows]));
    return toMeasure(seed, all);
  } finally {
    await service.close();
  }
}

/** A task of the middle. */
async function findKnownTask(world: World, count: number): Promise<KnownTask> {
  const [row] = await world.query('select id, created_at from task order by id offset ? limit 1', [
    Math.floor(count / 2),
  ]);
  const [newest] = await world.query('select created_at from task order by id desc limit 1');
  return { id: String(row?.['id']), createdAt: new Date(String(newest?.['created_at'])) };
}

async function timeCase(resources: ServiceResources, { filter }: ListCase): Promise<PageTimes[]> {
  const first = await timePage('first', () => listTasks(resources, { filter, first: PAGE }));
  const cursor = first.last;
  const next: PageInput = cursor === undefined ? { first: PAGE } : { first: PAGE, after: cursor };
  return [
    first,
    await timePage('next', () => listTasks(resources, { filter, ...next })),
    await timePage('last', () => listTasks(resources, { filter, last: PAGE })),
  ];
}

async function timePage(
  page: string,
  list: () => ReturnType<typeof listTasks>,
): Promise<PageTimes & { last: string | undefined }> {
  const times: number[] = [];
  const startedMs = sharedClockMs();
  let last: string | undefined;
  try {
    for (let run = 0; run < RUNS && sharedClockMs() - startedMs < CASE_MAX_MS; run += 1) {
      const runMs = sharedClockMs();
      last = (await list()).items.at(-1)?.id;
      times.push(sharedClockMs() - runMs);
    }
    return { page, times, last };
  } catch (error) {
    return { page, times: [sharedClockMs() - startedMs], failure: String(error), last };
  }
}

function formatPage({ times, failure }: PageTimes): string {
  const text = `${median(times).toFixed(1)} / ${max(times).toFixed(1)}`;
  if (failure !== undefined) return `${text} FAILED`;
  return max(times) > SLOW_MS ? `${text} SLOW` : `${text}     `;
}

function toMeasure(seed: Seed, pages: readonly PageTimes[]): Measure {
  const slow = pages.filter(({ times }) => max(times) > SLOW_MS).length;
  const longest = milliseconds(max(pages.flatMap(({ times }) => times)));
  return { name: `lists (${seed}), longest of ${pages.length} pages, ${slow} slow`, taskwire: longest, aim: '≤ 50 ms' };
}
