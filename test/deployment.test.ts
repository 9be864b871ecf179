import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, glob, mkdir, readFile, symlink } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { describe, expect } from 'vitest';
import { parse } from 'yaml';
import { configVariables, readServiceConfig } from '../src/config.ts';
import { runStatement } from '../src/dev/administer-postgres.ts';
import { ApiClient } from './support/api-client.ts';
import { temporaryFolder } from './support/temporary-folder.ts';
import { test } from './support/world.ts';

const PROJECT = join(import.meta.dirname, '..');
const OURS = ['api', 'worker', 'migrate'] as const;

interface Compose {
  services: Record<(typeof OURS)[number] | 'postgres' | 'redis', ComposeService>;
  volumes: Record<string, unknown>;
}

interface ComposeService {
  command: string[];
  environment: Record<string, string>;
  depends_on: Record<string, { condition: string }>;
  healthcheck: { test: string[] };
  ports?: string[];
  volumes: string[];
  stop_grace_period: string;
  deploy?: { replicas: number };
}

describe('docker-compose.yml', () => {
  test('is valid by the schema of the Compose Specification', async () => {
    const schema = join(
      dirname(fileURLToPath(import.meta.resolve('dclint/package.json'))),
      'schemas/compose.schema.json',
    );
    const ajv = new Ajv({ strict: false, validateFormats: false });
    const validate = ajv.compile({ ...JSON.parse(await readFile(schema, 'utf8')), $schema: undefined });

    validate(await readCompose());

    expect(validate.errors).toBe(null);
  });

  test('runs files that exist', async () => {
    const { services } = await readCompose();

    for (const name of OURS) {
      const [program, ...files] = services[name].command;
      expect(program).toBe('node');
      expect(files.filter((file) => !existsSync(join(PROJECT, file)))).toEqual([]);
    }
  });

  test('sets variables that the configuration knows, to values that it takes', async () => {
    const { services } = await readCompose();
    const known = configVariables().map(({ name }) => name);

    for (const name of OURS) {
      expect(Object.keys(services[name].environment).filter((variable) => !known.includes(variable))).toEqual([]);
      expect(() => readServiceConfig(services[name].environment)).not.toThrow();
    }
  });

  test('lets a process stop by itself before it is killed', async () => {
    const { services } = await readCompose();

    for (const name of OURS) {
      const { shutdownGraceMs } = readServiceConfig(services[name].environment);
      expect(Number.parseInt(services[name].stop_grace_period) * 1000).toBeGreaterThan(shutdownGraceMs);
    }
  });

  test('starts the API and two workers once the database is migrated', async () => {
    const { api, worker } = (await readCompose()).services;

    expect(worker.deploy?.replicas).toBe(2);
    for (const { depends_on } of [api, worker]) {
      expect(depends_on['migrate']).toEqual({ condition: 'service_completed_successfully' });
    }
  });

  test('keeps what tasks need: Redis writes to disk and evicts nothing, and every volume has a name', async () => {
    const { services, volumes } = await readCompose();

    expect(services.redis.command.join(' ')).toBe('redis-server --appendonly yes --maxmemory-policy noeviction');
    expect(services.api.volumes).toEqual(services.worker.volumes);
    for (const service of Object.values(services)) {
      expect(Object.keys(volumes)).toEqual(
        expect.arrayContaining(service.volumes.map((volume) => volume.split(':')[0])),
      );
    }
  });

  test('opens the port of the API to this machine, and no other', async () => {
    const { services } = await readCompose();

    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    expect(ports).toEqual(['127.0.0.1:4000:4000']);
  });
});

describe('Dockerfile', () => {
  test('runs on Node 24 as an ordinary user', async () => {
    const stage = await readFinalStage();

    expect(stage.get('FROM')).toEqual([expect.stringMatching(/^node:24-/)]);
    expect(stage.get('USER')).toEqual(['node']);
    expect(stage.get('STOPSIGNAL')).toEqual(['SIGTERM']);
  });

  test('runs the API in production unless told otherwise', async () => {
    const { api } = (await readCompose()).services;
    const stage = await readFinalStage();

    expect(stage.get('CMD')).toEqual([JSON.stringify(api.command).replaceAll(',', ', ')]);
    expect(readServiceConfig({ ...(await imageEnvironment()), ...api.environment }).production).toBe(true);
  });

  test('installs what the lockfile says, without what only development needs', async () => {
    const installs = (await readInstructions()).filter(({ argument }) => argument.startsWith('npm '));

    expect(installs).toEqual([{ name: 'RUN', argument: 'npm ci --omit=dev' }]);
  });

  test('its code imports production dependencies and files of the image only', async () => {
    await using folder = await temporaryFolder();
    await buildImage(folder.path);
    const { dependencies } = JSON.parse(await readFile(join(PROJECT, 'package.json'), 'utf8'));

    const strangers: string[] = [];
    for await (const file of glob('{src,worker}/**/*.ts', { cwd: folder.path })) {
      for (const specifier of importsOf(await readFile(join(folder.path, file), 'utf8'))) {
        const known = specifier.startsWith('.')
          ? existsSync(join(folder.path, dirname(file), specifier))
          : isBuiltin(specifier) || packageOf(specifier) in dependencies;
        if (!known) strangers.push(`${file}: ${specifier}`);
      }
    }

    expect(strangers).toEqual([]);
  });
});

test('the commands of the compose file run on what the image holds', async ({ world }) => {
  await using image = await temporaryFolder();
  await using data = await temporaryFolder();
  await buildImage(image.path);
  const { services } = await readCompose();
  const run = async (service: ComposeService) =>
    runCommand(image.path, service.command, {
      ...(await imageEnvironment()),
      ...service.environment,
      DATABASE_URL: world.databaseUrl,
      REDIS_URL: world.redisUrl,
      KEY_PREFIX: world.prefix,
      DATA_DIR: data.path,
      PORT: '0',
    });
  await runStatement(world.databaseUrl, 'drop schema public cascade');
  await runStatement(world.databaseUrl, 'create schema public');

  await using migration = await run(services.migrate);
  expect(await migration.exited).toBe(0);
  await using api = await run(services.api);
  await using worker = await run(services.worker);
  const { port } = new URL(String((await api.logged('API listens'))['url']));
  await worker.logged('Worker ready');
  const checkHealth = async () => {
    const command = services.api.healthcheck.test.slice(1).map((word) => word.replace(':4000', `:${port}`));
    await using check = runCommand(image.path, command, {});
    return await check.exited;
  };
  const healthWhileItRan = await checkHealth();
  const client = new ApiClient(`http://127.0.0.1:${port}/graphql`);
  const mail = await client.enqueue('send-welcome-email', { email: 'ada@example.com', name: 'Ada' });
  const end = await client.finished(mail);
  const exits = await Promise.all([api.stop(), worker.stop()]);

  expect(healthWhileItRan).toBe(0);
  expect(end.state).toBe('SUCCESS');
  expect(exits).toEqual([0, 0]);
  expect(await checkHealth()).toBe(1);
});

/** The compose file with the defaults of its variables, as nobody has set any. */
async function readCompose(): Promise<Compose> {
  const source = await readFile(join(PROJECT, 'docker-compose.yml'), 'utf8');
  const compose = parse(source.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1'), { merge: true });
  for (const { environment } of Object.values<{ environment?: Record<string, string | number> }>(compose.services)) {
    for (const name in environment) environment[name] = String(environment[name] ?? '');
  }
  return compose;
}

interface Instruction {
  name: string;
  argument: string;
}

async function readInstructions(): Promise<Instruction[]> {
  const lines = (await readFile(join(PROJECT, 'Dockerfile'), 'utf8')).split('\n');
  const matches = lines.map((line) => /^([A-Z]+)\s+(.*)$/.exec(line)).filter((match) => match !== null);
  return matches.map(([, name = '', argument = '']) => ({ name, argument }));
}

/** The instructions of the stage that becomes the image, by name. */
async function readFinalStage(): Promise<Map<string, string[]>> {
  const instructions = await readInstructions();
  const stage = instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM'));
  const byName = Map.groupBy(stage, ({ name }) => name);
  return new Map([...byName].map(([name, group]) => [name, group.map(({ argument }) => argument)]));
}

async function imageEnvironment(): Promise<Record<string, string>> {
  const variables = (await readFinalStage()).get('ENV')?.join(' ').split(' ') ?? [];
  return Object.fromEntries(variables.map((variable) => variable.split('=')));
}

/** Fills a folder with what the Dockerfile copies, and with links to the packages that `npm ci --omit=dev` installs. */
async function buildImage(folder: string): Promise<void> {
  const copies = (await readFinalStage()).get('COPY')?.filter((argument) => !argument.startsWith('--from')) ?? [];
  const isIgnored = await readDockerignore();
  for (const source of copies.flatMap((argument) => argument.split(' ').slice(0, -1))) {
    const filter = (path: string) => !isIgnored(path.slice(PROJECT.length + 1));
    await cp(join(PROJECT, source), join(folder, source), { recursive: true, filter });
  }
  const { packages } = JSON.parse(await readFile(join(PROJECT, 'package-lock.json'), 'utf8'));
  for (const [path, { dev, optional }] of Object.entries<{ dev?: true; optional?: true }>(packages)) {
    if (dev || !/^node_modules\/(@[^/]+\/)?[^/]+$/.test(path)) continue;
    if (optional && !existsSync(join(PROJECT, path))) continue; // of another platform
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await symlink(join(PROJECT, path), join(folder, path));
  }
}

/** Whether .dockerignore keeps a path out: the last pattern that fits it decides. */
async function readDockerignore(): Promise<(path: string) => boolean> {
  const lines = (await readFile(join(PROJECT, '.dockerignore'), 'utf8')).split('\n');
  const patterns = lines.filter((line) => line !== '' && !line.startsWith('#')).toReversed();
  const fits = (pattern: string, path: string) => pattern === '*' || `${path}/`.startsWith(`${pattern}/`);
  return (path) => !patterns.find((pattern) => fits(pattern.replace('!', ''), path))?.startsWith('!');
}

/** What a module imports when it runs: types are gone by then. */
function importsOf(source: string): string[] {
  const statements = source.matchAll(/^(?:import|export)\s(?!type\s)(?:[^;']*?\sfrom\s)?'([^']+)'/gm);
  const calls = source.matchAll(/\bimport\('([^']+)'\)/g);
  return [...statements, ...calls].map(([, specifier = '']) => specifier);
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

type LogLine = Record<string, unknown>;

interface RunningCommand extends AsyncDisposable {
  /** Resolves with the exit code, null after a signal. */
  exited: Promise<number | null>;
  /** The first line of the log with this message. Rejects with all output when the process ends without one. */
  logged(message: string): Promise<LogLine>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
}

/** Runs `node` in a folder, with nothing from around it: links are not followed, so that a package finds no others. */
function runCommand(folder: string, [, ...args]: string[], environment: Record<string, string>): RunningCommand {
  const child = spawn(process.execPath, ['--preserve-symlinks', ...args], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const errors = text(child.stderr);
  const lines: string[] = [];
  const output = createInterface(child.stdout).on('line', (line) => lines.push(line));
  const exited = once(child, 'close').then(([code]) => code as number | null);
  const find = (message: string) => lines.map(parseLine).find(({ msg }) => msg === message);
  const stop = async () => {
    child.kill('SIGTERM');
    return exited;
  };
  return {
    exited,
    stop,
    async logged(message) {
      for (let line = find(message); ; line = find(message)) {
        if (line) return line;
        const next = await Promise.race([once(output, 'line'), exited]);
        if (!Array.isArray(next)) throw new Error(`it ended with ${next}:\n${lines.join('\n')}\n${await errors}`);
      }
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function parseLine(line: string): LogLine {
  try {
    return JSON.parse(line);
  } catch {
    return {};
  }
}
