import { describe, expect } from 'vitest';
import { listWorkflowIds, type WorkflowFilter } from '../../../src/db/statements/list-workflow-ids.ts';
import { type Database, test as base } from '../database.ts';
import { planOf, rowsRead } from '../plan-of.ts';

const WORKFLOWS = 20_000;

/** Nearly all have succeeded; few run, and one in a thousand is named as no other, of which none runs. */
const SEED = `
  insert into workflow (id, name, state, fingerprint, open_steps, weight, created_at)
  select uuidv7(n * interval '1 s' - interval '1 day'), case when n % 1000 = 0 then 'rare' else 'common' end,
    case when n % 500 = 1 then 'RUNNING' when n % 50 = 2 then 'FAILURE' else 'SUCCESS' end, '', 1, 1, now()
  from generate_series(1, ${WORKFLOWS}) as n`;

const test = base.extend('seeded', { scope: 'file' }, async ({ database }): Promise<Database> => {
  await database.run(SEED);
  await database.run('vacuum analyze');
  return database;
});

const FILTERS: { what: string; filter: WorkflowFilter; most: number }[] = [
  { what: 'nothing', filter: {}, most: 50 },
  { what: 'a common state', filter: { states: ['SUCCESS'] }, most: 50 },
  { what: 'a rare state', filter: { states: ['RUNNING'] }, most: 50 },
  { what: 'several states', filter: { states: ['RUNNING', 'FAILURE', 'REVOKED'] }, most: 100 },
  { what: 'a common name', filter: { names: ['common'] }, most: 200 },
  { what: 'names', filter: { names: ['common', 'rare', 'unknown'] }, most: 200 },
  { what: 'a common state of a rare name', filter: { states: ['SUCCESS'], names: ['rare'] }, most: 50 },
  { what: 'a rare state of a common name', filter: { states: ['RUNNING'], names: ['common'] }, most: 50 },
  { what: 'a state that no workflow of the name has', filter: { states: ['RUNNING'], names: ['rare'] }, most: 0 },
];

describe('among 20,000 workflows a page is found without looking at all of them', () => {
  test.for(FILTERS)('by $what', async ({ filter, most }, { seeded }) => {
    for (const order of ['desc', 'asc'] as const) {
      const nodes = await planOf(seeded, (sql) => listWorkflowIds(sql, filter, { limit: 21, order }));

      expect(nodes.filter((node) => node['Node Type'] === 'Seq Scan')).toEqual([]);
      expect(rowsRead(nodes)).toBeLessThanOrEqual(most);
    }
  });
});
