import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TaskEvent } from '../../src/core/task-event.ts';
import { EventSubscription } from '../../src/events/event-subscription.ts';
import { upTo } from '../db/database.ts';

const TASK_ID = '0193b3e2-aaaa-7000-8000-00000000000f';

function event(sequence: number): TaskEvent {
  return { taskId: TASK_ID, sequence, type: 'LOG', at: '2026-11-22T10:00:00.000Z', state: 'STARTED', attempt: 1 };
}

test('past 64 events that nobody reads, none is kept', async () => {
  const subscription = new EventSubscription<TaskEvent>(TASK_ID, 0, () => false);

  for (const sequence of upTo(65)) subscription.push(event(sequence));

  expect(await subscription.next()).toBe('reread');
});

test('64 events are kept and handed on one by one', async () => {
  const subscription = new EventSubscription<TaskEvent>(TASK_ID, 0, () => false);

  for (const sequence of upTo(64)) subscription.push(event(sequence));

  for (const sequence of upTo(64)) expect(await subscription.next()).toMatchObject({ sequence });
});

test('who reads from Postgres whenever told to gets every event once, in order, whatever is lost, repeated or shuffled', async () => {
  const last = 150;
  const arrivals = fc.array(fc.oneof(fc.integer({ min: 1, max: last }), fc.constant('read' as const)), {
    maxLength: 300,
  });
  await fc.assert(
    fc.asyncProperty(arrivals, fc.boolean(), async (steps, ordered) => {
      const subscription = new EventSubscription<TaskEvent>(TASK_ID, 0, () => false);
      const delivered: number[] = [];
      let stored = 0;
      const readOne = async () => {
        const next = await subscription.next();
        if (next === 'reread') {
          delivered.push(...upTo(stored).slice(subscription.cursor));
          subscription.advance(stored, false);
        } else if (next !== 'closed') {
          delivered.push(next.sequence);
        }
      };
      const sequences = steps.filter((step) => step !== 'read');
      const inOrder = sequences.toSorted((a, b) => a - b);

      for (const step of steps) {
        if (step === 'read') {
          subscription.catchUpTo(stored); // as the comparison with Postgres does now and then
          if (delivered.length < stored) await readOne();
        } else {
          const sequence = (ordered && inOrder.shift()) || step;
          stored = Math.max(stored, sequence);
          subscription.push(event(sequence));
        }
      }
      subscription.catchUpTo(stored);
      while (delivered.length < stored) await readOne();

      expect(delivered).toEqual(upTo(stored));
    }),
  );
});
