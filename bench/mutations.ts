import type { Bench } from './bench.ts';
import type { Child } from './child.ts';
import type { Load, LoadResult } from './load-generator.ts';
import { formatRates, type Measure, milliseconds, perSecond, wholeNumber } from './report.ts';
import { median } from './statistics.ts';
import { printTopStatements } from './top-statements.ts';
import type { World } from './world.ts';

const CONNECTIONS = 50;
const MUTATION = 'mutation { enqueueNoop(input: {}) { task { id state } userErrors { message } } }';
const HEADERS = { 'content-type': 'application/json', accept: 'application/json' };
const BODY = JSON.stringify({ query: MUTATION });

/** The typed mutation over HTTP, and the same mutation of a bare yoga that only adds a job to BullMQ. No worker runs. */
export async function benchMutations(bench: Bench): Promise<Measure[]> {
  const { rounds, seconds } = bench.options;
  await using world = await bench.openWorld('mutations');
  const raw = await world.start('bare yoga', 'bench/bare-yoga.ts');
  const api = await world.start('api', 'src/main.ts');
  const generator = await world.start('load generator', 'bench/load-generator.ts');
  await requireMutation(raw.url);
  await requireMutation(api.url);
  console.log(`\nMutations: ${rounds} rounds of ${seconds} s, ${CONNECTIONS} connections`);

  const results = { 'bare yoga': [] as LoadResult[], Taskwire: [] as LoadResult[] };
  for (let round = 0; round <= rounds; round += 1) {
    const ofRaw = await load(generator, raw, seconds);
    const ofTaskwire = await load(generator, api, seconds);
    if (round === 0) continue; // warms up
    results['bare yoga'].push(ofRaw);
    results.Taskwire.push(ofTaskwire);
  }
  const rates = Object.fromEntries(Object.entries(results).map(([side, of]) => [side, of.map((one) => one.perSecond)]));
  console.log(formatRates(rates));
  for (const [side, of] of Object.entries(results)) console.log(`  ${side}: ${formatLatency(of)}`);
  await printCounts(world, raw);
  if (bench.options.statements) await printTopStatements(world);

  const [rawRate, taskwireRate] = [median(rates['bare yoga'] ?? []), median(rates['Taskwire'] ?? [])];
  const name = 'enqueue mutations over HTTP';
  const [rawText, taskwire] = [perSecond(rawRate), perSecond(taskwireRate)];
  return [{ name, raw: rawText, taskwire, ratio: taskwireRate / rawRate, aim: '≥ 0.90' }];
}

/** GraphQL answers 200 even with errors: so one answer is looked at, and in the end the tasks are counted. */
async function requireMutation(url: string): Promise<void> {
  const response = await fetch(url, { method: 'POST', headers: HEADERS, body: BODY });
  const text = await response.text();
  if (!text.includes('"state":"PENDING"')) throw new Error(`expected ${url} to enqueue a task, got: ${text}`);
}

async function load(generator: Child, { url }: Child, seconds: number): Promise<LoadResult> {
  const load: Load = { url, body: BODY, connections: CONNECTIONS, seconds };
  const result = await generator.request<LoadResult>('load', load);
  if (result.failed > 0) throw new Error(`expected ${url} to answer all requests, got ${result.failed} failures`);
  return result;
}

function formatLatency(results: readonly LoadResult[]): string {
  const p50 = median(results.map((result) => result.p50));
  const p99 = median(results.map((result) => result.p99));
  return `answers within ${milliseconds(p50)} (p50), ${milliseconds(p99)} (p99)`;
}

async function printCounts(world: World, raw: Child): Promise<void> {
  const [row] = await world.query('select count(*)::int as tasks from task');
  const jobs = await raw.request<number>('jobs');
  console.log(`  in the end: ${wholeNumber(jobs)} jobs of bare yoga, ${wholeNumber(Number(row?.['tasks']))} tasks`);
}
