import type { z } from 'zod';
import type { PayloadInput, TaskContract } from './define-task.ts';
import { type Ref, type RefTarget, type RefTo, refTarget, resultRef, type Stored } from './result-ref.ts';
import type { JoinPolicy, OnFailure } from './workflow-state.ts';

/**
 * The typed way to write a workflow. Words: a *signature* is a task with its payload, a *node* is a signature or a *chain* or
 * *group* of nodes. A signature starts after all that it is written after, whether it uses the results or not.
 *
 * ```
 * chain(
 *   group([signature(sum, { values: [1, 2] }), signature(sum, { values: [3] })]),
 *   (sums) => signature(sum, { values: sums.map(({ total }) => total) }),
 * )
 * ```
 */

/** How the task of a signature is to be run, where that differs from its contract. */
export interface CallOptions {
  queue?: string | undefined;
  /** 0 runs first, 9 last. */
  priority?: number | undefined;
  /** Not before so many seconds after all that it waits for; up to a year. Not together with `runAt`. */
  delaySeconds?: number | undefined;
  /** Not before this time; up to a year from now. */
  runAt?: Date | undefined;
  /** A task that was not started by then is REVOKED with EXPIRED; in the future. */
  expiresAt?: Date | undefined;
  /** At most 20, of at most 100 characters each. */
  tags?: readonly string[] | undefined;
  /** 1–100. */
  maxAttempts?: number | undefined;
}

/** What can be said of a signature besides its payload. */
export interface How {
  /** Unique within the workflow; default the name of the task, from its second time on with `-2`, `-3` …. */
  key?: string | undefined;
  /** What its failure means; default FAIL. */
  onFailure?: OnFailure | undefined;
  /**
   * What it waits for; default ALL. With the others, and after a signature with onFailure: CONTINUE, a field whose result is
   * not there is left out of the payload, in a list its item.
   */
  join?: JoinPolicy | undefined;
  /** How many with ANY, of all that it waits for or uses the results of; default 1. */
  joinCount?: number | undefined;
  /** Its part in the workflow's progress, more than 0; default 1. */
  weight?: number | undefined;
  options?: CallOptions | undefined;
}

/** A signature as {@link toSteps} sees it. */
export interface Call {
  kind: 'call';
  task: string;
  payload: Readonly<Record<string, unknown>>;
  /** Fields that results fill. */
  sources: Readonly<Record<string, RefTarget | readonly RefTarget[]>>;
  how: How;
}

/** How nodes are put together. */
export type Shape = Call | { kind: 'chain' | 'group'; nodes: readonly Node<unknown>[] };

/** A piece of a workflow. It is described, nothing is enqueued. */
export interface Node<out Results> {
  readonly shape: Shape;
  /** What the next in a chain gets: a {@link Ref}, or those of a group in its order. */
  readonly results: Results;
}

/** A payload in which results of other tasks may take the place of fields, or of all items of a list. */
export type PayloadFrom<C extends TaskContract> = {
  readonly [F in keyof PayloadInput<C>]: PayloadInput<C>[F] | FieldFrom<Exclude<PayloadInput<C>[F], undefined>>;
};

type FieldFrom<Value> = RefTo<Value> | ([ItemOf<Value>] extends [never] ? never : readonly RefTo<ItemOf<Value>>[]);

type ItemOf<Value> = Value extends readonly (infer Item)[] ? Item : never;

/** What stands for the result of a task. */
export type ResultRef<C extends TaskContract> = Ref<Stored<z.output<C['output']>>>;

/**
 * A task with its payload. Throws a `TypeError` when a result is anywhere in the payload but in the place of a field or of
 * all items of a list.
 */
export function signature<C extends TaskContract>(
  contract: C,
  payload: PayloadFrom<C>,
  how: How = {},
): Node<ResultRef<C>> {
  const plain: Record<string, unknown> = {};
  const sources: Record<string, RefTarget | readonly RefTarget[]> = {};
  for (const [field, value] of Object.entries<unknown>(payload)) {
    const source = refTarget(value) ?? listOfTargets(contract.name, field, value);
    if (source) sources[field] = source;
    else if (value !== undefined) plain[field] = withoutRefs(contract.name, [field], value);
  }
  const shape: Call = { kind: 'call', task: contract.name, payload: plain, sources, how };
  return { shape, results: resultRef(shape) as ResultRef<C> };
}

/** A node, or how it is made of the results of the one before. */
export type Link<Previous, Results> = Node<Results> | ((previous: Previous) => Node<Results>);

/**
 * One after the other, each with the results of the one before; its own results are those of the last. A longer one is a
 * chain of chains: `nodes.reduce((all, next) => chain(all, next))`.
 */
export function chain<A>(first: Node<A>): Node<A>;
export function chain<A, B>(first: Node<A>, b: Link<A, B>): Node<B>;
export function chain<A, B, C>(first: Node<A>, b: Link<A, B>, c: Link<B, C>): Node<C>;
export function chain<A, B, C, D>(first: Node<A>, b: Link<A, B>, c: Link<B, C>, d: Link<C, D>): Node<D>;
export function chain<A, B, C, D, E>(...links: [Node<A>, Link<A, B>, Link<B, C>, Link<C, D>, Link<D, E>]): Node<E>;
export function chain<A, B, C, D, E, F>(
  ...links: [Node<A>, Link<A, B>, Link<B, C>, Link<C, D>, Link<D, E>, Link<E, F>]
): Node<F>;
export function chain<A, B, C, D, E, F, G>(
  ...links: [Node<A>, Link<A, B>, Link<B, C>, Link<C, D>, Link<D, E>, Link<E, F>, Link<F, G>]
): Node<G>;
export function chain<A, B, C, D, E, F, G, H>(
  ...links: [Node<A>, Link<A, B>, Link<B, C>, Link<C, D>, Link<D, E>, Link<E, F>, Link<F, G>, Link<G, H>]
): Node<H>;
export function chain(first: Node<unknown>, ...links: Link<never, unknown>[]): Node<unknown> {
  // A chain that grows link by link would nest deeper than the stack is.
  const nodes = first.shape.kind === 'chain' ? [...first.shape.nodes] : [first];
  let last = first;
  for (const link of links) {
    last = typeof link === 'function' ? link(last.results as never) : link;
    nodes.push(last);
  }
  return { shape: { kind: 'chain', nodes }, results: last.results };
}

/** The results of nodes, in their order. */
export type ResultsOf<Nodes extends readonly Node<unknown>[]> = {
  [N in keyof Nodes]: Nodes[N] extends Node<infer Results> ? Results : never;
};

/**
 * At the same time; its results are those of its nodes, in their order. What follows in a chain waits for all of them, so two
 * groups of n and m after each other are n × m dependencies. Throws a `TypeError` for no nodes.
 */
export function group<const Nodes extends readonly Node<unknown>[]>(nodes: Nodes): Node<ResultsOf<Nodes>> {
  if (nodes.length === 0) throw new TypeError('expected a group to have at least one node, got none');
  return { shape: { kind: 'group', nodes }, results: nodes.map(({ results }) => results) as ResultsOf<Nodes> };
}

/** A group and what follows it: `chain(group(nodes), callback)`. */
export function chord<const Nodes extends readonly Node<unknown>[], Results>(
  nodes: Nodes,
  callback: Link<ResultsOf<Nodes>, Results>,
): Node<Results> {
  return chain(group(nodes), callback);
}

/** Undefined when it is not a list of results. */
function listOfTargets(task: string, field: string, value: unknown): readonly RefTarget[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const found = value.map(refTarget).filter((target) => target !== undefined);
  if (found.length === 0) return undefined;
  if (found.length === value.length) return found;
  throw new TypeError(
    `expected the list ${field} in the payload of ${task} to hold either values or results, got ${found.length} results among ${value.length} items`,
  );
}

function withoutRefs(task: string, path: readonly string[], value: unknown, within: readonly object[] = []): unknown {
  if (refTarget(value)) {
    throw new TypeError(
      `expected results in the payload of ${task} to be whole fields, got one inside of one: ${path.join('.')}`,
    );
  }
  if (typeof value === 'object' && value !== null && !within.includes(value)) {
    for (const [name, inner] of Object.entries(value)) withoutRefs(task, [...path, name], inner, [...within, value]);
  }
  return value;
}
