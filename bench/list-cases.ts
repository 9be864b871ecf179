import type { TaskFilter } from '../src/db/statements/list-task-ids.ts';
import { TASK_STATES } from '../src/core/task-state.ts';

/** A filter to try, with its name in the output. */
export interface ListCase {
  name: string;
  filter: TaskFilter;
}

/** Something of the seeded tasks that filters name. */
export interface KnownTask {
  id: string;
  createdAt: Date;
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** Every filter alone, with rare, frequent and absent values, and the combinations that may be awkward. */
export function listCases({ id, createdAt }: KnownTask): ListCase[] {
  const before = (ms: number) => new Date(createdAt.getTime() - ms);
  return [
    ...named('', { 'no filter': {} }),
    ...TASK_STATES.map((state) => ({ name: `states ${state}`, filter: { states: [state] } })),
    ...named('states ', {
      'PENDING, STARTED': { states: ['PENDING', 'STARTED'] },
      'STARTED, PROGRESS, RETRY': { states: ['STARTED', 'PROGRESS', 'RETRY'] },
      'FAILURE, REVOKED': { states: ['FAILURE', 'REVOKED'] },
      'all seven': { states: TASK_STATES },
    }),
    ...named('names ', {
      'frequent (noop)': { names: ['noop'] },
      'rare (update-user-stats)': { names: ['update-user-stats'] },
      'rare, old (countdown)': { names: ['countdown'] },
      'absent (fail-times)': { names: ['fail-times'] },
      'three of them': { names: ['noop', 'countdown', 'fail-times'] },
    }),
    ...named('queues ', {
      'frequent (email)': { queues: ['email'] },
      'rare (bulk)': { queues: ['bulk'] },
      absent: { queues: ['nowhere'] },
      'four of them': { queues: ['email', 'file', 'user', 'bulk'] },
    }),
    ...named('tags ', {
      'half of all (tenant-a)': { tags: ['tenant-a'] },
      'a twentieth (nightly)': { tags: ['nightly'] },
      'the oldest tenth (legacy)': { tags: ['legacy'] },
      'rare (vip)': { tags: ['vip'] },
      absent: { tags: ['nobody'] },
      'two (legacy, nightly)': { tags: ['legacy', 'nightly'] },
      'two that never meet': { tags: ['vip', 'tenant-a'] },
    }),
    ...named('created ', {
      'after an hour ago': { createdAfter: before(HOUR_MS) },
      'before 20 days ago': { createdBefore: before(20 * DAY_MS) },
      'on one day': { createdAfter: before(15 * DAY_MS), createdBefore: before(14 * DAY_MS) },
      'before the first': { createdBefore: before(60 * DAY_MS) },
    }),
    ...named('search ', {
      'one task (user123451@)': { search: 'user123451@' },
      'frequent (example.com)': { search: 'example.com' },
      'frequent name (noop)': { search: 'noop' },
      'three letters (use)': { search: 'use' },
      'old (Founding)': { search: 'Founding' },
      'in errors (SMTP_TIMEOUT)': { search: 'SMTP_TIMEOUT' },
      'in errors, one host (host123.)': { search: 'host123.' },
      'absent (xyzzy)': { search: 'xyzzy' },
      'absent, of frequent parts': { search: 'example.commerce' },
      'beginning of an id': { search: id.slice(0, 10) },
      'a whole id': { search: id },
      'three digits (019)': { search: '019' },
    }),
    ...named('', {
      'SUCCESS, rare name': { states: ['SUCCESS'], names: ['update-user-stats'] },
      'SUCCESS, rare old name': { states: ['SUCCESS'], names: ['countdown'] },
      'SUCCESS, absent name': { states: ['SUCCESS'], names: ['fail-times'] },
      'SUCCESS, rare queue': { states: ['SUCCESS'], queues: ['bulk'] },
      'SUCCESS, rare tag': { states: ['SUCCESS'], tags: ['vip'] },
      'SUCCESS, absent search': { states: ['SUCCESS'], search: 'xyzzy' },
      'FAILURE, old tag': { states: ['FAILURE'], tags: ['legacy'] },
      'FAILURE, search in errors': { states: ['FAILURE'], search: 'SMTP_TIMEOUT' },
      'FAILURE, absent name': { states: ['FAILURE'], names: ['fail-times'] },
      'PENDING, rare name': { states: ['PENDING'], names: ['update-user-stats'] },
      'PENDING, absent name': { states: ['PENDING'], names: ['fail-times'] },
      'PENDING, absent search': { states: ['PENDING'], search: 'xyzzy' },
      'noop, absent search': { names: ['noop'], search: 'xyzzy' },
      'noop, old tag': { names: ['noop'], tags: ['legacy'] },
      'noop, queue that it is not in': { names: ['noop'], queues: ['user'] },
      'old tag of the last day': { tags: ['legacy'], createdAfter: before(DAY_MS) },
      'absent search on one day': {
        search: 'xyzzy',
        createdAfter: before(15 * DAY_MS),
        createdBefore: before(14 * DAY_MS),
      },
    }),
  ];
}

function named(prefix: string, filters: Record<string, TaskFilter>): ListCase[] {
  return Object.entries(filters).map(([name, filter]) => ({ name: `${prefix}${name}`, filter }));
}
