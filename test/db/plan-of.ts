import type { Sql, Statement } from '../../src/db/sql.ts';
import { type Database, watchedSql } from './database.ts';

/** A node of a plan, with what it really did. */
export interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Index Recheck'?: number;
  'Rows Removed by Join Filter'?: number;
  Plans?: PlanNode[];
}

/** The plans that Postgres takes for what `list` reads, all their nodes. */
export async function planOf({ sql, run }: Database, list: (sql: Sql) => Promise<unknown>): Promise<PlanNode[]> {
  const nodes: PlanNode[] = [];
  const explain = async ({ text }: Statement, values: readonly unknown[]) => {
    const [row] = await run<{ 'QUERY PLAN': { Plan: PlanNode }[] }>(`explain (analyze, format json) ${text}`, values);
    const walk = (node: PlanNode) => {
      nodes.push(node);
      node.Plans?.forEach(walk);
    };
    row?.['QUERY PLAN'].forEach(({ Plan }) => walk(Plan));
  };
  await list(watchedSql(sql, explain));
  return nodes;
}

/** Rows that were fetched, also those that were thrown away. */
export function rowsRead(nodes: readonly PlanNode[]): number {
  const perLoop = (node: PlanNode) =>
    node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
  return nodes
    .filter((node) => node['Relation Name'] !== undefined)
    .reduce((total, node) => total + perLoop(node) * node['Actual Loops'], 0);
}
