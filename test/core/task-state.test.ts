import { describe, expect, test } from 'vitest';
import {
  canBecome,
  isTerminal,
  statesBefore,
  TASK_STATES,
  type TaskState,
  TERMINAL_STATES,
} from '../../src/core/task-state.ts';

/** The diagram once more, as `from to`: whatever is not here is illegal. */
const LEGAL = new Set([
  'PENDING STARTED',
  'PENDING REVOKED',
  'STARTED PROGRESS',
  'STARTED RETRY',
  'STARTED SUCCESS',
  'STARTED FAILURE',
  'STARTED REVOKED',
  'PROGRESS PROGRESS',
  'PROGRESS RETRY',
  'PROGRESS SUCCESS',
  'PROGRESS FAILURE',
  'PROGRESS REVOKED',
  'RETRY STARTED',
  'RETRY REVOKED',
  'FAILURE PENDING',
  'REVOKED PENDING',
]);

const PAIRS = TASK_STATES.flatMap((from) => TASK_STATES.map((to) => ({ from, to, legal: LEGAL.has(`${from} ${to}`) })));

describe('every pair of states', () => {
  test.for(PAIRS)('$from → $to: legal is $legal', ({ from, to, legal }) => {
    expect(canBecome(from, to)).toBe(legal);
    expect(statesBefore(to).includes(from)).toBe(legal);
  });
});

test('a task that succeeded stays so for ever', () => {
  expect(TASK_STATES.filter((to) => canBecome('SUCCESS', to))).toEqual([]);
});

test('a task that has ended runs again only by way of PENDING', () => {
  const next = TERMINAL_STATES.flatMap((from) => TASK_STATES.filter((to) => canBecome(from, to)));

  expect(new Set(next)).toEqual(new Set<TaskState>(['PENDING']));
});

test('terminal are SUCCESS, FAILURE and REVOKED', () => {
  expect(TASK_STATES.filter(isTerminal)).toEqual(['SUCCESS', 'FAILURE', 'REVOKED']);
});
