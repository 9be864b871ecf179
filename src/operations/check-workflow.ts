import type { TaskContract } from '../core/define-task.ts';
import type { InputProblem } from '../core/errors.ts';
import { findStorageProblem } from '../core/storable.ts';
import { buildGraph, type GraphNode, type StepSpec } from '../core/workflow-graph.ts';
import type { TaskCatalog } from '../tasks/catalog.ts';
import { type EnqueueOptions, optionProblems, payloadProblems, unknownTask } from './enqueue-task.ts';

/** A step with the options of its task. */
export type WorkflowStepSpec = StepSpec<EnqueueOptions>;

/** The most steps of a workflow. */
const WORKFLOW_STEPS_MAX = 5000;
const TEXT_MAX = 200;
/** Their sum must stay a number that progress can be reckoned from. */
const WEIGHT_MAX = 1_000_000;

/** A workflow as it was described, and how its steps hang together. */
export interface CheckedWorkflow {
  graph: GraphNode[];
  /** That of each step. */
  contracts: TaskContract[];
}

/** Checks the description of a workflow; answers what is wrong with it, if anything is. */
export function checkWorkflow(
  catalog: TaskCatalog,
  { name, steps, idempotencyKey }: { name: string; steps: readonly WorkflowStepSpec[]; idempotencyKey: string | null },
): CheckedWorkflow | { problems: [InputProblem, ...InputProblem[]] } {
  const outside = [...textProblems('name', name), ...keyProblems(idempotencyKey), ...sizeProblems(steps.length)];
  const { graph, problems } = outside.length > 0 ? { graph: [], problems: outside } : buildGraph(steps);
  const contracts: TaskContract[] = [];
  if (outside.length === 0) {
    for (const [position, step] of steps.entries()) {
      const contract = catalog.find(step.task);
      if (contract) contracts.push(contract);
      const found = contract
        ? stepProblems(step, contract, graph[position]?.dependencies.length ?? 0)
        : [unknownTask(step.task, catalog.contracts, ['task'])];
      problems.push(...found.map((problem) => inStep(problem, position)));
    }
  }
  const [first, ...more] = problems;
  return first ? { problems: [first, ...more] } : { graph, contracts };
}

function inStep({ path, ...problem }: InputProblem, position: number): InputProblem {
  return { ...problem, path: ['steps', String(position), ...path] };
}

function stepProblems(step: WorkflowStepSpec, contract: TaskContract, dependencies: number): InputProblem[] {
  return [
    ...textProblems('key', step.key),
    ...payloadProblemsBefore(step, contract),
    ...inputProblems(step, contract),
    ...optionProblems(step.options ?? {}),
    ...idempotencyProblems(step),
    ...joinProblems(step, dependencies),
    ...weightProblems(step),
  ];
}

function invalid(message: string, path: string[]): InputProblem {
  return { code: 'WORKFLOW_INVALID', message, path };
}

function textProblems(field: string, text: string): InputProblem[] {
  if (text.length >= 1 && text.length <= TEXT_MAX && !findStorageProblem(text)) return [];
  return [invalid(`expected ${field} to have 1 to ${TEXT_MAX} characters, got: ${JSON.stringify(text)}`, [field])];
}

function keyProblems(idempotencyKey: string | null): InputProblem[] {
  return idempotencyKey === null ? [] : textProblems('idempotencyKey', idempotencyKey);
}

function sizeProblems(steps: number): InputProblem[] {
  if (steps >= 1 && steps <= WORKFLOW_STEPS_MAX) return [];
  return [invalid(`expected 1 to ${WORKFLOW_STEPS_MAX} steps, got: ${steps}`, ['steps'])];
}

/** Of a payload that other steps' results complete, only what is there can be wrong already. */
function payloadProblemsBefore({ payload, inputFrom }: WorkflowStepSpec, contract: TaskContract): InputProblem[] {
  if (payload != null && (typeof payload !== 'object' || Array.isArray(payload))) {
    return [{ code: 'PAYLOAD_INVALID', message: 'expected the payload to be an object', path: ['payload'] }];
  }
  const unstorable = findStorageProblem(payload);
  if (unstorable)
    return [{ code: 'PAYLOAD_INVALID', message: unstorable.message, path: ['payload', ...unstorable.path] }];
  const later = new Set(Object.keys(inputFrom ?? {}));
  return payloadProblems(contract, payload ?? {})
    .filter(({ path: [field] }) => later.size === 0 || (field !== undefined && !later.has(field)))
    .map(({ path, ...problem }) => ({ ...problem, path: ['payload', ...path] }));
}

function inputProblems({ payload, inputFrom }: WorkflowStepSpec, contract: TaskContract): InputProblem[] {
  const unstorable = findStorageProblem(inputFrom);
  if (unstorable) return [invalid(unstorable.message, ['inputFrom', ...unstorable.path])];
  const fields = Object.keys(contract.input.shape);
  return Object.keys(inputFrom ?? {}).flatMap((field) => {
    if (!fields.includes(field)) {
      const known = fields.length > 0 ? `one of the fields ${fields.join(', ')}` : 'no field';
      return [
        invalid(`expected inputFrom to fill ${known} of ${contract.name}, got: ${JSON.stringify(field)}`, [
          'inputFrom',
          field,
        ]),
      ];
    }
    if (Object.hasOwn(payload ?? {}, field)) {
      return [invalid(`expected ${field} to be in payload or in inputFrom, got both`, ['inputFrom', field])];
    }
    return [];
  });
}

/** The workflow has one for all of it. */
function idempotencyProblems({ options }: WorkflowStepSpec): InputProblem[] {
  if (options?.idempotencyKey == null) return [];
  const message = 'expected no idempotencyKey for a step: give one to the workflow';
  return [{ code: 'OPTIONS_INVALID', message, path: ['options', 'idempotencyKey'] }];
}

function joinProblems({ join, joinCount }: WorkflowStepSpec, dependencies: number): InputProblem[] {
  if (joinCount == null) return [];
  if (join !== 'ANY') return [invalid('expected joinCount only with join: ANY', ['joinCount'])];
  if (Number.isInteger(joinCount) && joinCount >= 1 && joinCount <= dependencies) return [];
  const message = `expected joinCount to be from 1 to the number of steps that it depends on (${dependencies}), got: ${joinCount}`;
  return [invalid(message, ['joinCount'])];
}

function weightProblems({ weight }: WorkflowStepSpec): InputProblem[] {
  if (weight == null || (weight > 0 && weight <= WEIGHT_MAX)) return [];
  return [invalid(`expected weight to be more than 0 and at most ${WEIGHT_MAX}, got: ${weight}`, ['weight'])];
}
