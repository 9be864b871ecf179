import { isDeepStrictEqual } from 'node:util';
import type { ScheduleDefinition } from '../core/schedule.ts';
import { type Sql, transactionSql } from '../db/sql.ts';
import { readClock } from '../db/statements/find-schedules.ts';
import { type LockedSchedule, lockSchedule } from '../db/statements/lock-schedule.ts';
import { deleteScheduleRow, listDeclaredKeys, lockDeclaring } from '../db/statements/write-schedule.ts';
import { putSchedule } from './put-schedule.ts';
import type { EnqueueResources, ServiceResources } from './resources.ts';

/**
 * Brings Postgres in line with the declared schedules: new and changed ones are written, those that are not declared any
 * more go. One that is paused stays so, and one that did not change goes on where it was. Declarations of tasks that this
 * process does not offer are left to one that does.
 */
export async function declareSchedules(
  { orm, catalog }: EnqueueResources & Pick<ServiceResources, 'orm'>,
  declared: readonly ScheduleDefinition[],
  now?: Date,
): Promise<void> {
  await orm.em.fork().transactional(async (em) => {
    const sql = transactionSql(em);
    await lockDeclaring(sql);
    const at = now ?? (await readClock(sql));
    for (const definition of declared) {
      if (catalog.find(definition.task)) await declare(sql, definition, at);
    }
    const keys = new Set(declared.map(({ key }) => key));
    for (const key of await listDeclaredKeys(sql)) if (!keys.has(key)) await deleteScheduleRow(sql, key);
  });
}

async function declare(sql: Sql, definition: ScheduleDefinition, now: Date): Promise<void> {
  const existing = await lockSchedule(sql, definition.key);
  if (existing?.declared && isDeepStrictEqual(definitionOf(existing), { ...definition })) return;
  await putSchedule(sql, { definition, existing, enabled: existing?.enabled ?? true, declared: true, now });
}

function definitionOf(schedule: LockedSchedule): ScheduleDefinition {
  const { enabled: _enabled, declared: _declared, failing: _failing, cursor: _cursor, ...definition } = schedule;
  return definition;
}
