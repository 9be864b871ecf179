import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatTable } from './report.ts';

const SHOWN = 30;

/** What V8 writes with `--cpu-prof`, as far as it is read here. */
interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  /** Microseconds before each sample. */
  timeDeltas: number[];
}

/** Prints in which functions and packages a process has spent its time, itself and not in what it called. */
export async function printCpuProfile(folder: string, file: string): Promise<void> {
  const profile = JSON.parse(await readFile(join(folder, file), 'utf8')) as CpuProfile;
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const byFunction = new Map<string, number>();
  const byPackage = new Map<string, number>();
  let totalUs = 0;
  for (const [at, sample] of profile.samples.entries()) {
    const us = profile.timeDeltas[at] ?? 0;
    const { functionName = '', url = '', lineNumber = 0 } = frames.get(sample) ?? {};
    const place = placeOf(url);
    add(byFunction, `${functionName || '(anonymous)'}${place ? `  ${place}:${lineNumber + 1}` : ''}`, us);
    add(byPackage, packageOf(place, functionName), us);
    totalUs += us;
  }
  console.log(`\n  The worker's processor time (${(totalUs / 1e6).toFixed(1)} s in all), by package:`);
  console.log(formatTable(topOf(byPackage, totalUs)));
  console.log('\n  and by function:');
  console.log(formatTable(topOf(byFunction, totalUs)));
}

function add(times: Map<string, number>, key: string, us: number): void {
  times.set(key, (times.get(key) ?? 0) + us);
}

function topOf(times: ReadonlyMap<string, number>, totalUs: number): string[][] {
  const sorted = [...times].toSorted(([, a], [, b]) => b - a).slice(0, SHOWN);
  return sorted.map(([key, us]) => [key, `${((100 * us) / totalUs).toFixed(1)} %`]);
}

/** A URL without what is the same for all of them. */
function placeOf(url: string): string {
  const project = new URL('..', import.meta.url).href;
  return url.replace(project, '').replace('node_modules/', '');
}

function packageOf(place: string, functionName: string): string {
  if (place === '') return functionName.startsWith('(') ? functionName : 'native';
  if (place.startsWith('node:')) return 'node';
  return /^(@[^/]+\/[^/]+|[^/]+)/.exec(place)?.[0] ?? place;
}
