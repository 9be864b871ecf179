import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildGraph, type StepSpec } from '../../src/core/workflow-graph.ts';

function step(key: string, dependsOn: string[] = [], inputFrom: StepSpec['inputFrom'] = {}): StepSpec {
  return { key, task: 'noop', dependsOn, inputFrom };
}

describe('a graph', () => {
  test('knows the edges of each step both ways, also those that its input makes, each once', () => {
    const { graph, problems } = buildGraph([
      step('c', ['a'], { x: { step: 'a', path: 'x' }, y: [{ step: 'a' }, { step: 'b' }] }),
      step('a'),
      step('b', ['a']),
    ]);

    expect(problems).toEqual([]);
    expect(graph).toEqual([
      { position: 0, dependencies: [1, 2], dependants: [] },
      { position: 1, dependencies: [], dependants: [0, 2] },
      { position: 2, dependencies: [1], dependants: [0] },
    ]);
  });

  test('of any steps that depend on earlier ones has no problem', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.nat(), { maxLength: 5 }), { minLength: 1, maxLength: 30 }), (edges) => {
        const steps = edges.map((before, at) => step(`s${at}`, at === 0 ? [] : before.map((nat) => `s${nat % at}`)));

        expect(buildGraph(steps).problems).toEqual([]);
      }),
    );
  });
});

describe('what cannot be a graph is told', () => {
  const problemsOf = (steps: StepSpec[]) => buildGraph(steps).problems;

  test('a cycle, by the steps that are in it', () => {
    const steps = [step('start'), step('a', ['start', 'c']), step('b', ['a']), step('c', ['b']), step('end', ['c'])];

    expect(problemsOf(steps)).toEqual([
      { code: 'WORKFLOW_INVALID', message: 'expected steps without a cycle, got: a → b → c → a', path: ['steps'] },
    ]);
  });

  test('a step that depends on itself', () => {
    expect(problemsOf([step('a', ['a'])])[0]?.message).toBe('expected steps without a cycle, got: a → a');
  });

  test('a key that comes twice', () => {
    expect(problemsOf([step('a'), step('b'), step('a')])).toEqual([
      {
        code: 'WORKFLOW_INVALID',
        message: 'expected the keys of the steps to differ, got "a" twice',
        path: ['steps', '0', 'key'],
      },
    ]);
  });

  test('keys that no step has, where they stand', () => {
    const steps = [step('a', ['x'], { one: { step: 'y' }, many: [{ step: 'a' }, { step: 'z' }] })];
    const message = (key: string) => `expected the key of a step of this workflow, got: "${key}"`;

    expect(problemsOf(steps)).toEqual([
      { code: 'WORKFLOW_INVALID', message: message('x'), path: ['steps', '0', 'dependsOn', '0'] },
      { code: 'WORKFLOW_INVALID', message: message('y'), path: ['steps', '0', 'inputFrom', 'one'] },
      { code: 'WORKFLOW_INVALID', message: message('z'), path: ['steps', '0', 'inputFrom', 'many'] },
    ]);
  });
});
