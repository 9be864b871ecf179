import { expect } from 'vitest';
import { timeOfId } from '../../src/core/ids.ts';
import { listWorkflows, type ListWorkflowsInput } from '../../src/operations/list-workflows.ts';
import type { TestService } from './service.ts';
import { test, type Workflows } from './workflows.ts';

/** Twelve workflows, named a, b and c by turns, of which every fourth has succeeded, failed, or runs; newest first. */
async function seed(workflows: Workflows): Promise<{ id: string; name: string; state: string }[]> {
  const all: { id: string; name: string; state: string }[] = [];
  for (let number = 0; number < 12; number += 1) {
    const name = ['a', 'b', 'c'][number % 3] ?? '';
    const id = await workflows.enqueue([{ key: 'x' }], name);
    const state = (['SUCCESS', 'FAILURE', 'RUNNING', 'RUNNING'] as const)[number % 4] ?? 'RUNNING';
    if (state !== 'RUNNING') await workflows.run(id, 'x', state);
    all.unshift({ id, name, state });
  }
  return all;
}

async function idsOf({ resources }: TestService, input: ListWorkflowsInput): Promise<string[]> {
  return (await listWorkflows(resources, input)).items.map(({ id }) => id);
}

test('pages forward and backward give all workflows once, newest first', async ({ service, workflows }) => {
  const ids = (await seed(workflows)).map(({ id }) => id);

  const forward: string[] = [];
  for (let more = true; more;) {
    const page = await listWorkflows(service.resources, { first: 5, after: forward.at(-1) ?? null });
    expect(page.hasPreviousPage).toBe(forward.length > 0);
    forward.push(...page.items.map(({ id }) => id));
    more = page.hasNextPage;
  }
  let backward: string[] = [];
  for (let more = true; more;) {
    const page = await listWorkflows(service.resources, { last: 5, before: backward[0] ?? null });
    backward = [...page.items.map(({ id }) => id), ...backward];
    more = page.hasPreviousPage;
  }

  expect(forward).toEqual(ids);
  expect(backward).toEqual(ids);
});

test('a filter by states, names and time lets through what fits all of it', async ({ service, workflows }) => {
  const all = await seed(workflows);
  const idsWhere = (fits: (workflow: { id: string; name: string; state: string }) => boolean) =>
    all.filter(fits).map(({ id }) => id);
  const createdAfter = new Date(timeOfId(all[8]?.id ?? ''));
  const createdBefore = new Date(timeOfId(all[2]?.id ?? ''));

  expect(await idsOf(service, { filter: { states: ['FAILURE'] } })).toEqual(
    idsWhere(({ state }) => state === 'FAILURE'),
  );
  expect(await idsOf(service, { filter: { states: ['SUCCESS', 'FAILURE', 'SUCCESS'] } })).toEqual(
    idsWhere(({ state }) => state !== 'RUNNING'),
  );
  expect(await idsOf(service, { filter: { names: ['a', 'c', 'a'] } })).toEqual(idsWhere(({ name }) => name !== 'b'));
  expect(await idsOf(service, { filter: { names: ['b', 'c'], states: ['RUNNING', 'FAILURE'] }, first: 3 })).toEqual(
    idsWhere(({ name, state }) => name !== 'a' && state !== 'SUCCESS').slice(0, 3),
  );
  expect(await idsOf(service, { filter: { createdAfter, createdBefore } })).toEqual(
    idsWhere(({ id }) => timeOfId(id) >= createdAfter.getTime() && timeOfId(id) < createdBefore.getTime()),
  );
  expect(await idsOf(service, { filter: { states: [] } })).toEqual([]);
  expect(await idsOf(service, { filter: { names: [] } })).toEqual([]);
  expect(await idsOf(service, { filter: { names: ['nope'] } })).toEqual([]);
});

test.for<[what: string, input: ListWorkflowsInput, path: string[]]>([
  ['a page that is too large', { first: 101 }, ['first']],
  ['a cursor that is none', { after: 'x' }, ['after']],
  ['a cursor that is none', { before: 'x' }, ['before']],
  ['too many names', { filter: { names: Array<string>(101).fill('x') } }, ['filter', 'names']],
  ['a name that can’t be stored', { filter: { names: ['\u0000'] } }, ['filter', 'names', '0']],
])('%s is refused', async ([, input, path], { service }) => {
  await expect(listWorkflows(service.resources, input)).rejects.toMatchObject({
    problems: [{ code: 'BAD_USER_INPUT', path }],
  });
});
