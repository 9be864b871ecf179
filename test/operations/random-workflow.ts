import fc from 'fast-check';
import { JOIN_POLICIES, type JoinPolicy, ON_FAILURE, type OnFailure } from '../../src/core/workflow-state.ts';
import type { WorkflowStepSpec } from '../../src/operations/check-workflow.ts';

/** A step of a random workflow, and what becomes of its task. */
export interface RandomStep {
  key: string;
  dependsOn: string[];
  onFailure: OnFailure;
  join: JoinPolicy;
  joinCount: number | null;
  weight: number;
  /** How its task ends when nobody interferes. */
  succeeds: boolean;
  /** Attempts that fail before that. */
  retries: number;
}

/** Any graph of up to `most` steps, without a cycle. */
export function randomWorkflow(most: number): fc.Arbitrary<RandomStep[]> {
  const step = fc.record({
    dependsOn: fc.array(fc.nat(), { maxLength: 4 }),
    onFailure: fc.constantFrom(...ON_FAILURE),
    join: fc.constantFrom(...JOIN_POLICIES),
    joinCount: fc.nat(),
    weight: fc.constantFrom(1, 0.1, 2.5, 100),
    succeeds: fc.boolean(),
    retries: fc.nat({ max: 2 }),
  });
  return fc.array(step, { minLength: 1, maxLength: most }).map((steps) =>
    steps.map(({ dependsOn, joinCount, ...rest }, position) => {
      const before = position === 0 ? [] : [...new Set(dependsOn.map((nat) => `s${nat % position}`))];
      const counts = rest.join === 'ANY' && before.length > 0;
      const count = counts ? 1 + (joinCount % before.length) : null;
      return { key: `s${position}`, dependsOn: before, joinCount: count, ...rest };
    }),
  );
}

/** As it is enqueued, each step with the given task. */
export function toSpec(step: RandomStep, task = 'noop', payload: unknown = {}): WorkflowStepSpec {
  const { key, dependsOn, onFailure, join, joinCount, weight } = step;
  return { key, task, payload, dependsOn, onFailure, join, joinCount, weight };
}

/** The state that a step comes to when no failure ends the workflow. */
export type Outcome = 'SUCCESS' | 'FAILURE' | 'SKIPPED';

/**
 * What must become of each step, in another way than the product works it out: from the ends of all dependencies at once,
 * as if each step were looked at when everything before it has ended.
 */
export function outcomesOf(steps: readonly RandomStep[]): Map<string, Outcome> {
  const outcomes = new Map<string, Outcome>();
  const byKey = new Map(steps.map((step) => [step.key, step]));
  for (const step of steps) {
    const ends = step.dependsOn.map((key) => ({ outcome: outcomes.get(key), onFailure: byKey.get(key)?.onFailure }));
    const succeeded = ends.filter(({ outcome }) => outcome === 'SUCCESS').length;
    const forgiven = ends.filter(({ outcome, onFailure }) => outcome === 'FAILURE' && onFailure === 'CONTINUE').length;
    const needed = { ALL: ends.length, ALL_SETTLED: 0, ANY: ends.length === 0 ? 0 : (step.joinCount ?? 1) }[step.join];
    if (succeeded + forgiven < needed) outcomes.set(step.key, 'SKIPPED');
    else outcomes.set(step.key, step.succeeds ? 'SUCCESS' : 'FAILURE');
  }
  return outcomes;
}

/** Whether a step fails whose failure is that of the workflow. */
export function failsAsWhole(steps: readonly RandomStep[]): boolean {
  const outcomes = outcomesOf(steps);
  return steps.some(({ key, onFailure }) => onFailure === 'FAIL' && outcomes.get(key) === 'FAILURE');
}
