import { glob, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { type RunToolOptions, ToolFailedError, runTool } from './run-tool.ts';

/** A program outside the system's folders, and the environment in which it finds its libraries. */
export interface UnpackedProgram {
  file: string;
  env: NodeJS.ProcessEnv;
}

export interface UnpackOptions {
  /** Created if missing. */
  cacheDir: string;
  /** Where apt's programs are looked for, written like PATH. */
  searchPath: string;
  /** Told before the download, a line. */
  log(line: string): void;
}

/** In Debian and Ubuntu `redis-server` is a link, in the package of that name, to a program in `redis-tools`. */
const PACKAGES = ['redis-server', 'redis-tools'];

const APT_TIMEOUT_S = 20;

/**
 * Unpacks the distribution's Redis packages and the libraries that this machine lacks into `<cacheDir>`, once. Several
 * processes can do so at the same time: each unpacks into a folder of its own, and the first to finish is the one used.
 *
 * @throws Error when there is no apt here, or it can't get the packages.
 */
export async function unpackRedisPackage(options: UnpackOptions): Promise<UnpackedProgram> {
  const { cacheDir, searchPath, log } = options;
  const folder = join(resolve(cacheDir), `redis-${process.platform}-${process.arch}`);
  const kept = await programIn(folder);
  if (await runs(kept)) return kept;
  const tools: RunToolOptions = { env: { ...process.env, PATH: searchPath, LC_ALL: 'C' } };
  await requireApt(tools);
  log(`unpacking the system's redis-server package into ${folder} (once; nothing is installed)`);
  await mkdir(cacheDir, { recursive: true });
  const work = await mkdtemp(`${folder}-`);
  try {
    await unpackInto(join(work, 'root'), await download(work, tools), tools);
    await publish(join(work, 'root'), folder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return programIn(folder);
}

async function requireApt(tools: RunToolOptions): Promise<void> {
  try {
    await runTool('apt-get', ['--version'], tools);
    await runTool('dpkg-deb', ['--version'], tools);
  } catch (cause) {
    throw new Error(
      'none can be unpacked from a package of the system: that is done only on Debian, Ubuntu and their kin',
      { cause },
    );
  }
}

async function runs({ file, env }: UnpackedProgram): Promise<boolean> {
  return runTool(file, ['--version'], { env }).then(
    () => true,
    () => false,
  );
}

async function programIn(root: string): Promise<UnpackedProgram> {
  const libraryPath: string[] = [];
  for await (const path of glob(['lib/*-linux-*', 'usr/lib/*-linux-*'], { cwd: root }))
    libraryPath.push(join(root, path));
  const inherited = process.env['LD_LIBRARY_PATH'];
  if (inherited) libraryPath.push(inherited);
  return {
    file: join(root, 'usr/bin/redis-server'),
    env: { ...process.env, LD_LIBRARY_PATH: libraryPath.join(delimiter) },
  };
}

/**
 * Downloads with the machine's package lists and, if these are missing or name packages that no longer exist, with
 * fresh lists of our own. Answers the folder with the package files.
 */
async function download(work: string, tools: RunToolOptions): Promise<string> {
  const own = await writeAptConfiguration(work, 'own', true);
  const machine = await writeAptConfiguration(work, 'machine', false);
  try {
    await runTool('apt-get', ['-c', machine, ...DOWNLOAD], tools);
    return join(work, 'machine', 'archives');
  } catch (error) {
    if (!(error instanceof ToolFailedError)) throw error;
  }
  // One source of several that can't be reached is no reason to give up: whether the lists suffice shows in a moment.
  const update = await runTool('apt-get', ['-c', own, 'update'], tools).catch(outputOf);
  try {
    await runTool('apt-get', ['-c', own, ...DOWNLOAD], tools);
    return join(work, 'own', 'archives');
  } catch (cause) {
    const complaints = `${outputOf(cause)}\n${update}`.split('\n').filter((line) => /^(E|W|Err):/.test(line));
    throw new Error(`apt-get could not download ${PACKAGES.join(' and ')}:\n${complaints.join('\n')}`, { cause });
  }
}

function outputOf(error: unknown): string {
  return error instanceof ToolFailedError ? error.output : String(error);
}

/** `--reinstall` so that packages which are installed are downloaded too: what we unpack is to be complete. */
const DOWNLOAD = ['install', '--download-only', '--reinstall', '--no-install-recommends', '--yes', ...PACKAGES];

/**
 * Makes apt work for an ordinary user, beside another apt, and without the hooks that belong to a real installation.
 *
 * @param freshLists whether to keep package lists of its own, empty at first, or to read the machine's.
 */
async function writeAptConfiguration(work: string, name: string, freshLists: boolean): Promise<string> {
  const folder = join(work, name);
  await mkdir(join(folder, 'archives', 'partial'), { recursive: true });
  await mkdir(join(folder, 'state', 'lists', 'partial'), { recursive: true });
  const lines = [
    ...['APT::Update::Pre-Invoke', 'APT::Update::Post-Invoke', 'APT::Update::Post-Invoke-Success'].map(clear),
    ...['DPkg::Pre-Invoke', 'DPkg::Post-Invoke', 'DPkg::Pre-Install-Pkgs'].map(clear),
    `Dir::Cache "${folder}";`,
    'Dir::Cache::archives "archives";',
    ...(freshLists ? [`Dir::State "${join(folder, 'state')}";`, 'Dir::State::status "/var/lib/dpkg/status";'] : []),
    'Debug::NoLocking "true";',
    'Acquire::Languages "none";',
    'Acquire::Retries "1";',
    `Acquire::http::Timeout "${APT_TIMEOUT_S}";`,
    `Acquire::https::Timeout "${APT_TIMEOUT_S}";`,
    ...(process.getuid?.() === 0 ? ['APT::Sandbox::User "root";'] : []), // its own user may not enter our folder
  ];
  const file = join(work, `${name}.conf`);
  await writeFile(file, lines.join('\n'));
  return file;
}

function clear(option: string): string {
  return `#clear ${option};`;
}

async function unpackInto(root: string, archives: string, tools: RunToolOptions): Promise<void> {
  const files = (await readdir(archives)).filter((name) => name.endsWith('.deb'));
  for (const file of files) await runTool('dpkg-deb', ['-x', join(archives, file), root], tools);
  const program = await programIn(root);
  if (await runs(program)) return;
  throw new Error(`expected the packages ${files.join(', ')} to bring a redis-server that runs; they do not`);
}

/** Puts the new folder in its place, unless another process has been first; a folder there that does not work goes. */
async function publish(fresh: string, folder: string): Promise<void> {
  try {
    await rename(fresh, folder);
  } catch {
    if (await runs(await programIn(folder))) return;
    await rename(folder, `${fresh}-old`);
    await rename(fresh, folder);
  }
}
