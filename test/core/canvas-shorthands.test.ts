import { describe, expect, test } from 'vitest';
import { chainSteps, chordSteps, groupSteps } from '../../src/core/canvas-shorthands.ts';

/** The problems of what is thrown. */
function problemsOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return (error as { problems: unknown }).problems;
  }
  return 'nothing was thrown';
}

describe('a chain', () => {
  test('has a step after the other, and "previous" is the one before', () => {
    const { steps } = chainSteps([
      { task: 'a', payload: { x: 1 } },
      { task: 'b', inputFrom: { x: { step: 'previous', path: 'y' }, all: [{ step: '1' }, { step: 'previous' }] } },
      { task: 'c', inputFrom: { x: { step: 'previous' } }, options: { priority: 1 } },
    ]);

    expect(steps).toEqual([
      { key: '1', task: 'a', payload: { x: 1 }, inputFrom: {}, dependsOn: [] },
      {
        key: '2',
        task: 'b',
        inputFrom: { x: { step: '1', path: 'y' }, all: [{ step: '1' }, { step: '1' }] },
        dependsOn: ['1'],
      },
      { key: '3', task: 'c', inputFrom: { x: { step: '2' } }, options: { priority: 1 }, dependsOn: ['2'] },
    ]);
  });

  test('has nothing before its first step', () => {
    const message = 'expected the first step of a chain to take nothing from "previous": there is none before it';

    expect(problemsOf(() => chainSteps([{ task: 'a', inputFrom: { x: [{ step: 'previous' }] } }]))).toEqual([
      { code: 'WORKFLOW_INVALID', message, path: ['steps', '0', 'inputFrom', 'x'] },
    ]);
  });

  test('tells of its steps where they are', () => {
    expect(chainSteps([{ task: 'a' }]).pathOf(['steps', '0', 'payload', 'x'])).toEqual(['steps', '0', 'payload', 'x']);
  });
});

describe('a group', () => {
  test('has steps that depend on nothing', () => {
    expect(groupSteps([{ task: 'a', payload: { x: 1 } }, { task: 'b' }]).steps).toEqual([
      { key: '1', task: 'a', payload: { x: 1 } },
      { key: '2', task: 'b' },
    ]);
  });

  test('has no results to take', () => {
    const message = 'expected no inputFrom in a group: its tasks do not wait for each other';

    const problems = problemsOf(() => groupSteps([{ task: 'a' }, { task: 'b', inputFrom: { x: { step: '1' } } }]));

    expect(problems).toEqual([{ code: 'WORKFLOW_INVALID', message, path: ['tasks', '1', 'inputFrom'] }]);
  });

  test('tells of its steps where they were written', () => {
    const { pathOf } = groupSteps([{ task: 'a' }]);

    expect(pathOf(['steps', '0', 'payload', 'x'])).toEqual(['tasks', '0', 'payload', 'x']);
    expect(pathOf(['steps'])).toEqual(['tasks']);
    expect(pathOf(['name'])).toEqual(['name']);
  });
});

describe('a chord', () => {
  const tasks = [{ task: 'a' }, { task: 'b' }];

  test('has a callback after all, which gets the whole results in their order', () => {
    const callback = { task: 'c', payload: { y: 1 }, inputFrom: { first: { step: '1', path: 'z' } } };

    expect(chordSteps({ tasks, callback, resultsAs: 'results' }).steps).toEqual([
      { key: '1', task: 'a' },
      { key: '2', task: 'b' },
      {
        key: 'callback',
        task: 'c',
        payload: { y: 1 },
        dependsOn: ['1', '2'],
        inputFrom: { first: { step: '1', path: 'z' }, results: [{ step: '1' }, { step: '2' }] },
      },
    ]);
  });

  test('can hand on a part of each result, or nothing', () => {
    const callback = { task: 'c' };

    const part = chordSteps({ tasks, callback, resultsAs: 'values', resultsPath: 'data.id' });
    const nothing = chordSteps({ tasks, callback, resultsAs: null });

    expect(part.steps.at(-1)?.inputFrom).toEqual({
      values: [
        { step: '1', path: 'data.id' },
        { step: '2', path: 'data.id' },
      ],
    });
    expect(nothing.steps.at(-1)).toEqual({ key: 'callback', task: 'c', dependsOn: ['1', '2'], inputFrom: {} });
  });

  test('without tasks has nothing to wait for', () => {
    const problems = problemsOf(() => chordSteps({ tasks: [], callback: { task: 'c' }, resultsAs: null }));

    expect(problems).toEqual([
      { code: 'WORKFLOW_INVALID', message: 'expected at least 1 task, got none', path: ['tasks'] },
    ]);
  });

  test('gives its callback the list from one place only', () => {
    const callback = { task: 'c', inputFrom: { results: { step: '1' } } };
    const message = 'expected results to be the list of the results, and not in inputFrom too';

    expect(problemsOf(() => chordSteps({ tasks, callback, resultsAs: 'results' }))).toEqual([
      { code: 'WORKFLOW_INVALID', message, path: ['callback', 'inputFrom', 'results'] },
    ]);
  });

  test('tells of its steps where they were written', () => {
    const { pathOf } = chordSteps({ tasks, callback: { task: 'c' }, resultsAs: 'values' });

    expect(pathOf(['steps', '1', 'payload', 'x'])).toEqual(['tasks', '1', 'payload', 'x']);
    expect(pathOf(['steps', '2', 'payload', 'x'])).toEqual(['callback', 'payload', 'x']);
    expect(pathOf(['steps', '2', 'task'])).toEqual(['callback', 'task']);
    expect(pathOf(['steps', '2', 'inputFrom', 'values'])).toEqual(['resultsAs']);
    expect(pathOf(['steps', '2', 'inputFrom', 'other'])).toEqual(['callback', 'inputFrom', 'other']);
    expect(pathOf(['steps'])).toEqual(['tasks']);
    expect(pathOf(['idempotencyKey'])).toEqual(['idempotencyKey']);
  });
});
