import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chain, group, type Node, signature } from '../../src/core/canvas.ts';
import type { Ref } from '../../src/core/result-ref.ts';
import { toSteps } from '../../src/core/to-steps.ts';
import { buildGraph, type GraphNode } from '../../src/core/workflow-graph.ts';
import { checkWorkflow } from '../../src/operations/check-workflow.ts';
import { openCatalog } from '../../src/tasks/catalog.ts';
import { sum } from '../../src/tasks/diagnostics.ts';

/** A workflow to be written. */
type Tree = { kind: 'call'; uses: boolean } | { kind: 'chain' | 'group'; nodes: Tree[] };

const { tree } = fc.letrec<{ tree: Tree }>((tie) => {
  const nodes = fc.array(tie('tree'), { minLength: 1, maxLength: 4 });
  return {
    tree: fc.oneof(
      { maxDepth: 4, depthSize: 'max' },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('call' as const), uses: fc.boolean() }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('chain' as const, 'group' as const), nodes }) },
    ),
  };
});

type Sum = Ref<{ total: number }>;

/** Writes a tree; what uses results uses all of those that are handed to it, also those handed to the node that it is in. */
function write(tree: Tree, previous: readonly Sum[]): Node<unknown> {
  switch (tree.kind) {
    case 'call':
      return signature(sum, { values: tree.uses ? previous.map(({ total }) => total) : [1] });
    case 'group':
      return group(tree.nodes.map((node) => write(node, previous)));
    case 'chain': {
      const [first, ...others] = tree.nodes;
      const links = others.map((node) => (results: unknown) => write(node, flat(results)));
      const anyChain: (first: Node<unknown>, ...links: any[]) => Node<unknown> = chain;
      return anyChain(write(first!, previous), ...links);
    }
  }
}

function flat(results: unknown): Sum[] {
  return Array.isArray(results) ? results.flatMap(flat) : [results as Sum];
}

/** Where each call is: the children to take on the way down to it, and whether they follow each other. */
type Way = { child: number; ordered: boolean }[];

function ways(tree: Tree, way: Way = []): Way[] {
  if (tree.kind === 'call') return [way];
  return tree.nodes.flatMap((node, child) => ways(node, [...way, { child, ordered: tree.kind === 'chain' }]));
}

/** Where two ways part, the one comes first if that is in a chain. */
function isWrittenAfter(later: Way, earlier: Way): boolean {
  const parting = later.findIndex(({ child }, depth) => child !== earlier[depth]?.child);
  const [here, there] = [later[parting], earlier[parting]];
  return here !== undefined && there !== undefined && here.ordered && there.child < here.child;
}

/** Everything that a step waits for, directly or not. */
function allBefore(graph: readonly GraphNode[], position: number, found = new Set<number>()): Set<number> {
  for (const dependency of graph[position]?.dependencies ?? []) {
    if (found.has(dependency)) continue;
    found.add(dependency);
    allBefore(graph, dependency, found);
  }
  return found;
}

test('whatever nests in whatever, each step waits for what it is written after and for nothing else', () => {
  const catalog = openCatalog({ diagnosticTasks: true });
  fc.assert(
    fc.property(tree, (tree) => {
      const steps = toSteps(write(tree, []));
      const { graph, problems } = buildGraph(steps);
      const places = ways(tree);

      expect(problems).toEqual([]);
      expect(checkWorkflow(catalog, { name: 'any', steps, idempotencyKey: null })).not.toHaveProperty('problems');
      expect(graph.map(({ position }) => [...allBefore(graph, position)].toSorted((a, b) => a - b))).toEqual(
        places.map((place) => [...places.keys()].filter((other) => isWrittenAfter(place, places[other]!))),
      );
    }),
    { numRuns: 300 },
  );
});
