import { describe, expect, test } from 'vitest';
import { decideJoin, type JoinPolicy, settledAs } from '../../src/core/workflow-state.ts';

/** `s` succeeded, `f` forgiven, `m` missing, `.` open. */
function decide(join: JoinPolicy, dependencies: string, joinCount = 1): string {
  const count = (kind: string) => [...dependencies].filter((one) => one === kind).length;
  const ends = { succeeded: count('s'), forgiven: count('f'), missing: count('m') };
  return decideJoin({ join, joinCount, dependencies: dependencies.length, ...ends });
}

describe('a join', () => {
  test.each([
    ['ALL', '', 'start'],
    ['ALL', 's.', 'wait'],
    ['ALL', 'sf', 'start'],
    ['ALL', 'm.', 'skip'],
    ['ALL', 'ssm', 'skip'],
    ['ALL_SETTLED', 'm.', 'wait'],
    ['ALL_SETTLED', 'mfs', 'start'],
    ['ALL_SETTLED', 'mm', 'start'],
    ['ANY', '', 'start'],
    ['ANY', 's..', 'start'],
    ['ANY', 'f..', 'wait'],
    ['ANY', 'fm.', 'wait'],
    ['ANY', 'fmm', 'start'],
    ['ANY', 'mmm', 'skip'],
    ['ANY', 'mm.', 'wait'],
  ] as const)('%s with %j: %s', (join, dependencies, decision) => {
    expect(decide(join, dependencies)).toBe(decision);
  });

  test.each([
    ['s...', 'wait'],
    ['ss..', 'start'],
    ['mm..', 'wait'],
    ['mmm.', 'skip'],
    ['smmf', 'start'],
    ['smmm', 'skip'],
  ])('ANY of two with %j: %s', (dependencies, decision) => {
    expect(decide('ANY', dependencies, 2)).toBe(decision);
  });
});

test('a failure counts as its step says; a skipped step has given nothing', () => {
  expect([settledAs('SUCCESS', 'FAIL'), settledAs('FAILURE', 'CONTINUE'), settledAs('REVOKED', 'CONTINUE')]).toEqual([
    'succeeded',
    'forgiven',
    'forgiven',
  ]);
  expect([settledAs('FAILURE', 'SKIP'), settledAs('FAILURE', 'FAIL'), settledAs('SKIPPED', 'CONTINUE')]).toEqual([
    'missing',
    'missing',
    'missing',
  ]);
});
