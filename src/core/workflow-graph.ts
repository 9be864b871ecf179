import type { InputProblem } from './errors.ts';
import type { JoinPolicy, OnFailure } from './workflow-state.ts';

/** The result of a step, or the field of it at `path`, e.g. `data.id` or `rows.0.name`. */
export interface ResultSource {
  step: string;
  path?: string | undefined;
}

/** Where fields of a payload come from: a result each, or a list of results in this order. */
export type InputFrom = Readonly<Record<string, ResultSource | readonly ResultSource[]>>;

/** One step, as it is described by whoever makes a workflow. `Options` are those of its task. */
export interface StepSpec<Options = unknown> {
  /** Unique within its workflow. */
  key: string;
  /** The name of a task. */
  task: string;
  payload?: unknown;
  /** Keys of steps; those that `inputFrom` names are added to them. */
  dependsOn?: readonly string[] | null | undefined;
  inputFrom?: InputFrom | null | undefined;
  /** Default FAIL. */
  onFailure?: OnFailure | null | undefined;
  /** Default ALL. */
  join?: JoinPolicy | null | undefined;
  /** How many with ANY; default 1. */
  joinCount?: number | null | undefined;
  /** Its part in the workflow's progress, more than 0; default 1. */
  weight?: number | null | undefined;
  options?: Options | null | undefined;
}

/** A step in its graph: others are named by their position in the list of steps. */
export interface GraphNode {
  position: number;
  dependencies: readonly number[];
  dependants: readonly number[];
}

/** The sources of a field, of which there may be many. */
export function sourcesOf(source: ResultSource | readonly ResultSource[]): readonly ResultSource[] {
  return Array.isArray(source) ? source : [source as ResultSource];
}

/**
 * Puts the steps into their graph; `problems` says what is wrong with it: a key that comes twice or that no step has, and the
 * first cycle that there is. `graph` is of use only without problems.
 */
export function buildGraph(steps: readonly StepSpec[]): { graph: GraphNode[]; problems: InputProblem[] } {
  const positions = new Map(steps.map(({ key }, position) => [key, position]));
  const problems = steps.flatMap((step, position) => [
    ...duplicateKey(step, position, positions),
    ...unknownKeys(step, position, positions),
  ]);
  const dependencies = steps.map((step) => dependencyKeys(step).map((key) => positions.get(key) ?? -1));
  const dependants: number[][] = steps.map(() => []);
  for (const [position, ofStep] of dependencies.entries()) {
    for (const dependency of ofStep) dependants[dependency]?.push(position);
  }
  const graph = steps.map((_, position) => ({
    position,
    dependencies: dependencies[position] ?? [],
    dependants: dependants[position] ?? [],
  }));
  return { graph, problems: problems.length > 0 ? problems : cycleProblem(steps, graph) };
}

/** The keys that a step depends on, each once. */
function dependencyKeys({ dependsOn, inputFrom }: StepSpec): string[] {
  const sources = Object.values(inputFrom ?? {}).flatMap(sourcesOf);
  return [...new Set([...(dependsOn ?? []), ...sources.map(({ step }) => step)])];
}

function duplicateKey({ key }: StepSpec, position: number, positions: ReadonlyMap<string, number>): InputProblem[] {
  if (positions.get(key) === position) return [];
  const message = `expected the keys of the steps to differ, got ${JSON.stringify(key)} twice`;
  return [{ code: 'WORKFLOW_INVALID', message, path: ['steps', String(position), 'key'] }];
}

function unknownKeys(step: StepSpec, position: number, positions: ReadonlyMap<string, number>): InputProblem[] {
  const problemOf = (key: string, path: string[]): InputProblem[] =>
    positions.has(key)
      ? []
      : [
          {
            code: 'WORKFLOW_INVALID',
            message: `expected the key of a step of this workflow, got: ${JSON.stringify(key)}`,
            path: ['steps', String(position), ...path],
          },
        ];
  const sources = Object.entries(step.inputFrom ?? {});
  return [
    ...(step.dependsOn ?? []).flatMap((key, index) => problemOf(key, ['dependsOn', String(index)])),
    ...sources.flatMap(([field, source]) =>
      sourcesOf(source).flatMap((one) => problemOf(one.step, ['inputFrom', field])),
    ),
  ];
}

/** Takes away what has no dependencies left, again and again (Kahn's algorithm); what stays holds a cycle. */
function cycleProblem(steps: readonly StepSpec[], graph: readonly GraphNode[]): InputProblem[] {
  const open = graph.map(({ dependencies }) => dependencies.length);
  const free = graph.filter((_, position) => open[position] === 0);
  const left = new Set(graph);
  for (let node = free.pop(); node; node = free.pop()) {
    left.delete(node);
    for (const position of node.dependants) {
      open[position] = (open[position] ?? 0) - 1;
      const dependant = graph[position];
      if (open[position] === 0 && dependant) free.push(dependant);
    }
  }
  const [start] = left;
  if (!start) return [];
  const cycle = walkCycle(start, left, graph).map((position) => steps[position]?.key ?? '');
  const message = `expected steps without a cycle, got: ${cycle.join(' → ')}`;
  return [{ code: 'WORKFLOW_INVALID', message, path: ['steps'] }];
}

/** Each node that is left depends on another one that is left: going back along these comes to where it has been. */
function walkCycle(start: GraphNode, left: ReadonlySet<GraphNode>, graph: readonly GraphNode[]): number[] {
  const path: number[] = [];
  let node: GraphNode | undefined = start;
  while (node && !path.includes(node.position)) {
    path.push(node.position);
    const next: number | undefined = node.dependencies.find((position) => {
      const dependency = graph[position];
      return dependency !== undefined && left.has(dependency);
    });
    node = next === undefined ? undefined : graph[next];
  }
  const repeated = node?.position ?? start.position;
  return [repeated, ...path.slice(path.indexOf(repeated)).toReversed()];
}
