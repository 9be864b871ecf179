import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { configVariables } from '../src/config.ts';
import { catalog } from '../src/tasks/catalog.ts';
import { ApiClient } from './support/api-client.ts';
import { ManagedProcess } from './support/managed-process.ts';
import { temporaryFolder } from './support/temporary-folder.ts';
import { test } from './support/taskwire.ts';

const PROJECT = join(import.meta.dirname, '..');
const README = await readFile(join(PROJECT, 'README.md'), 'utf8');

test('the operations in README give what README shows', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  await taskwire.startWorker();
  const [enqueue, subscription, query, invalid] = blocks('graphql');
  const upsert = operation('upsertSchedule');
  const [enqueued, events] = blocks('json');

  const created = await client.request(enqueue ?? '');
  const { id } = created['enqueueCountdown'].task;
  const received = await collect(client, subscription ?? '', id);
  const found = await client.request(query ?? '', { id });
  const refused = await client.request(invalid ?? '');
  const { upsertSchedule } = await client.request(upsert);

  expect(withoutIds(created)).toEqual(withoutIds(JSON.parse(enqueued ?? '')));
  expect(received).toEqual(
    (events ?? '')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  );
  expect(found).toMatchObject({
    task: { state: 'SUCCESS', output: { steps: 3 } },
    tasks: { edges: [{ node: { id } }] },
  });
  expect(refused['enqueueSendWelcomeEmail'].userErrors.map((error: any) => error.path)).toEqual([['email'], ['name']]);
  expect(upsertSchedule).toMatchObject({ schedule: { key: 'tick', tasks: { nodes: [] } }, userErrors: [] });
  await expect.poll(() => scheduledStates(client, 'tick'), { timeout: 10_000 }).toContain('SUCCESS');
});

test('the workflows in README run, and are followed and found as README shows', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  await taskwire.startWorker();

  const { enqueueWorkflow } = await client.request(operation('enqueueWorkflow'));
  const { id } = enqueueWorkflow.workflow;
  const events = await collect(client, operation('workflowEvents'), id);
  const found = await client.request(operation('workflows(first'), { id });
  const { enqueueChord } = await client.request(operation('enqueueChord'));

  expect(enqueueWorkflow).toMatchObject({
    workflow: {
      state: 'RUNNING',
      steps: [
        { key: 'left', dependsOn: [] },
        { key: 'right', dependsOn: [] },
        { key: 'both', dependsOn: ['left', 'right'] },
      ],
    },
    userErrors: [],
  });
  expect(events).toContainEqual(
    expect.objectContaining({
      stepKey: 'both',
      stepState: 'SUCCESS',
      event: { type: 'SUCCESS', result: { total: 6 } },
    }),
  );
  expect(events.at(-1)).toMatchObject({ type: 'SUCCESS', percent: 100 });
  expect(found).toMatchObject({
    workflow: { state: 'SUCCESS', percent: 100, steps: [{}, {}, { key: 'both', result: { total: 6 }, error: null }] },
    workflows: { nodes: [{ id }] },
  });
  expect(await results(client, enqueueChord.workflow.id)).toMatchObject({ callback: { total: 6 } });
});

test('the upload in README works as it is written', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  const command = blocks('sh').find((block) => block.startsWith('curl')) ?? '';

  const { stdout } = await runShell(command.replace('http://127.0.0.1:4000/graphql', client.url));

  expect(JSON.parse(stdout).data.uploadFile).toMatchObject({
    file: { size: Buffer.byteLength(README) },
    userErrors: [],
  });
});

test('a task, a workflow and a schedule added as README says are enqueued by their own mutations and run', async ({
  taskwire,
}) => {
  await using folder = await temporaryFolder();
  await copyProject(folder.path);
  for (const block of blocks('ts')) {
    const path = /^\/\/ (\S+)\n/.exec(block)?.[1] ?? '';
    await write(folder.path, path, block);
  }
  await registerTask(folder.path);
  await registerWorkflow(folder.path);

  const api = taskwire.track(new ManagedProcess(join(folder.path, 'src/main.ts'), taskwire.environment));
  const { url } = await api.ready();
  const worker = taskwire.track(new ManagedProcess(join(folder.path, 'worker/main.ts'), taskwire.environment));
  await worker.ready();
  const client = new ApiClient(url ?? '');
  const { enqueueCountLetters } = await client.request(
    'mutation { enqueueCountLetters(input: { text: "Ada, 1815" }) { task { id } userErrors { message } } }',
  );

  const { enqueueCountAllLettersWorkflow } = await client.request(
    'mutation { enqueueCountAllLettersWorkflow(input: { texts: ["Ada, 1815", "Grace"] }) { workflow { id } } }',
  );

  expect(await client.finished(enqueueCountLetters.task.id)).toMatchObject({ type: 'SUCCESS', result: { letters: 3 } });
  expect(await results(client, enqueueCountAllLettersWorkflow.workflow.id)).toEqual({
    'count-letters': { letters: 3 },
    'count-letters-2': { letters: 5 },
    total: { total: 8 },
  });
  const { schedules } = await client.request('{ schedules { key declared } }');
  expect(schedules).toEqual([
    { key: 'cleanup', declared: true },
    { key: 'count-on-workdays', declared: true },
  ]);
  await client.request('mutation { triggerSchedule(key: "count-on-workdays") { userErrors { code } } }');
  await expect.poll(() => scheduledStates(client, 'count-on-workdays'), { timeout: 10_000 }).toEqual(['SUCCESS']);
});

test('the configuration table in README is the configuration', () => {
  const rows = configVariables().map(({ name, default: value, description }) => {
    return `| \`${name}\` | ${value === undefined ? '' : `\`${value}\``} | ${description} |`;
  });

  for (const row of rows) expect(README).toContain(row);
});

test('the table of tasks in README has every task, in its queue', () => {
  const diagnostics = catalog.filter(({ diagnostic }) => diagnostic).map(({ name }) => `\`${name}\``);
  const shipped = catalog
    .filter(({ diagnostic }) => !diagnostic)
    .map(({ name, queue }) => `| \`${name}\` | ${queue} | `);

  for (const start of shipped) expect(README).toContain(start);
  const [row] = README.split('\n').filter((line) => line.includes('| diagnostics |'));
  for (const name of diagnostics) expect(row).toContain(name);
});

/** The fenced blocks of a language, in order. */
function blocks(language: string): string[] {
  return [...README.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, text]) => text ?? '');
}

/** The operation that says something. */
function operation(text: string): string {
  return blocks('graphql').find((block) => block.includes(text)) ?? '';
}

async function collect(client: ApiClient, query: string, id: string): Promise<unknown[]> {
  const socket = client.openSocket();
  const events: unknown[] = [];
  for await (const { data } of socket.iterate({ query, variables: { id } })) {
    events.push(...Object.values(data ?? {}));
  }
  await socket.dispose();
  return events;
}

async function scheduledStates(client: ApiClient, key: string): Promise<string[]> {
  const { schedule } = await client.request(
    'query ($key: String!) { schedule(key: $key) { tasks { nodes { state } } } }',
    { key },
  );
  return schedule.tasks.nodes.map((task: { state: string }) => task.state);
}

/** Those of the steps of a workflow, when it has ended. */
async function results(client: ApiClient, id: string): Promise<Record<string, unknown>> {
  const socket = client.openSocket();
  const query = 'subscription ($id: ID!) { workflowEvents(id: $id) { sequence } }';
  for await (const { errors } of socket.iterate({ query, variables: { id } })) expect(errors).toBeUndefined();
  await socket.dispose();
  const { workflow } = await client.request('query ($id: ID!) { workflow(id: $id) { steps { key result } } }', { id });
  return Object.fromEntries(workflow.steps.map((step: any) => [step.key, step.result]));
}

function withoutIds(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (key, inner) => (key === 'id' ? 'id' : inner));
}

async function runShell(command: string): Promise<{ stdout: string }> {
  return promisify(execFile)('sh', ['-c', command], { cwd: PROJECT });
}

async function copyProject(target: string): Promise<void> {
  for (const part of ['src', 'worker', 'package.json'])
    await cp(join(PROJECT, part), join(target, part), { recursive: true });
  await symlink(join(PROJECT, 'node_modules'), join(target, 'node_modules'));
}

/** What README says in words: the contract into `catalog`, the handler into `handlers`. */
async function registerTask(folder: string): Promise<void> {
  await edit(
    folder,
    'src/tasks/catalog.ts',
    (text) =>
      `import { countLetters } from './text.ts';\n${text.replace('export const catalog = [', 'export const catalog = [\n  countLetters,')}`,
  );
  await edit(
    folder,
    'worker/handlers/registry.ts',
    (text) =>
      `import { countLetters } from './text.ts';\n${text.replace(/(export const handlers[^{]*\{)/, "$1\n  'count-letters': countLetters,")}`,
  );
}

/** What README says in words: the workflow into `workflows`. */
async function registerWorkflow(folder: string): Promise<void> {
  await edit(
    folder,
    'src/tasks/workflows.ts',
    (text) =>
      `import { countAllLetters } from './text-workflows.ts';\n${text.replace('export const workflows = [', 'export const workflows = [countAllLetters, ')}`,
  );
}

async function edit(folder: string, path: string, change: (text: string) => string): Promise<void> {
  await write(folder, path, change(await readFile(join(folder, path), 'utf8')));
}

async function write(folder: string, path: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), text);
}
