import { fireDueSchedules } from '../../src/operations/fire-schedules.ts';
import { upsertSchedule, type UpsertScheduleInput } from '../../src/operations/upsert-schedule.ts';
import type { TestService } from './service.ts';

/** A time of the day on which these tests play. */
export const at = (time: string) => new Date(`2026-11-23T${time}Z`);

/** Makes a schedule at 08:00 that fires every hour, unless it is said otherwise. */
export function schedule(service: TestService, given: Partial<UpsertScheduleInput> = {}, now = at('08:00:00')) {
  const timing = given.everySeconds ? {} : { cron: '@hourly' };
  return upsertSchedule(service.resources, { key: 'nightly', task: 'noop', ...timing, ...given }, now);
}

/** A task of a schedule. */
export interface Run {
  id: string;
  /** The hour and minute of its fire; null when it was triggered. */
  fire: string | null;
  state: string;
}

/** All runs of a schedule in the order in which they were enqueued. */
export function runs({ database }: TestService, key = 'nightly'): Promise<Run[]> {
  return database.run<{ id: string; fire: string | null; state: string }>(
    `select id, substring(idempotency_key from 12 for 5) as fire, state from task where owner = $1 order by id`,
    [`schedule:${key}`],
  );
}

/** The fires of a schedule that became tasks. */
export async function fires(service: TestService, key = 'nightly'): Promise<(string | null)[]> {
  return (await runs(service, key)).map(({ fire }) => fire);
}

/** Whether a run has not ended. */
export function isOpen({ state }: Run): boolean {
  return state === 'PENDING' || state === 'STARTED';
}

/** Each open run of a schedule ends: with SUCCESS, or REVOKED when it was asked to. */
export async function finishRuns(service: TestService, key = 'nightly'): Promise<void> {
  const { database } = service;
  for (const { id } of (await runs(service, key)).filter(isOpen)) {
    const { state, cancel_requested_at: cancelled } = await database.row(id);
    if (state === 'PENDING') await database.start(id);
    await database.settle({ taskId: id, attempt: 1, state: cancelled ? 'REVOKED' : 'SUCCESS' });
  }
}

/** What a worker does once a second, at a moment of the tests'. */
export function look(service: TestService, time: string): Promise<string[]> {
  return fireDueSchedules(service.resources, at(time));
}
