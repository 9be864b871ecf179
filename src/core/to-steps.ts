import type { Call, CallOptions, Node } from './canvas.ts';
import type { RefTarget } from './result-ref.ts';
import { type InputFrom, type ResultSource, sourcesOf, type StepSpec } from './workflow-graph.ts';

/**
 * The steps of a workflow that was written with `chain`, `group` and `chord`, in the order in which they are written.
 *
 * Throws a `TypeError` when two signatures were given the same key, when one is in it twice, or when one uses a result of
 * a signature that is not in it before.
 */
export function toSteps(node: Node<unknown>): StepSpec<CallOptions>[] {
  const steps = new Steps(callsOf(node));
  steps.add(node, []);
  return steps.written;
}

/** In the order in which they are written. */
function callsOf({ shape }: Node<unknown>): Call[] {
  return shape.kind === 'call' ? [shape] : shape.nodes.flatMap(callsOf);
}

class Steps {
  readonly written: StepSpec<CallOptions>[] = [];
  readonly #keys: ReadonlyMap<object, string>;
  /** The calls that are in `written`. */
  readonly #before = new Set<object>();

  constructor(calls: readonly Call[]) {
    this.#keys = keysOf(calls);
  }

  /** Adds the steps of a node that starts after others; answers the keys of those that what follows starts after. */
  add({ shape }: Node<unknown>, after: readonly string[]): readonly string[] {
    switch (shape.kind) {
      case 'call':
        return this.#addCall(shape, after);
      case 'chain':
        return shape.nodes.reduce((ends, node) => this.add(node, ends), after);
      case 'group':
        return shape.nodes.flatMap((node) => this.add(node, after));
    }
  }

  #addCall(call: Call, after: readonly string[]): readonly string[] {
    const { task, payload, how } = call;
    const key = this.#keyOf(call);
    const inputFrom = this.#inputFrom(call);
    const used = new Set(
      Object.values(inputFrom)
        .flatMap(sourcesOf)
        .map(({ step }) => step),
    );
    const dependsOn = after.filter((step) => !used.has(step));
    this.written.push({
      key,
      task,
      payload,
      ...(dependsOn.length > 0 && { dependsOn }),
      ...(used.size > 0 && { inputFrom }),
      ...(how.onFailure && { onFailure: how.onFailure }),
      ...(how.join && { join: how.join }),
      ...(how.joinCount !== undefined && { joinCount: how.joinCount }),
      ...(how.weight !== undefined && { weight: how.weight }),
      ...(how.options && { options: how.options }),
    });
    this.#before.add(call);
    return [key];
  }

  #inputFrom(call: Call): InputFrom {
    const sourceOf = (target: RefTarget) => this.#sourceOf(call, target);
    return Object.fromEntries(
      Object.entries(call.sources).map(([field, target]) => [
        field,
        'source' in target ? sourceOf(target) : target.map(sourceOf),
      ]),
    );
  }

  #sourceOf(call: Call, { source, path }: RefTarget): ResultSource {
    if (!this.#before.has(source)) {
      throw new TypeError(
        `expected ${JSON.stringify(this.#keyOf(call))} to use results of what is written before it in the same workflow, got one of ${(source as Call).task}`,
      );
    }
    const step = this.#keyOf(source);
    return path.length > 0 ? { step, path: path.join('.') } : { step };
  }

  #keyOf(call: object): string {
    const key = this.#keys.get(call);
    if (key === undefined) throw new Error('expected every signature of a workflow to have a key, but one has none');
    return key;
  }
}

/** Given keys stay as they are; the others are made so that all differ. */
function keysOf(calls: readonly Call[]): ReadonlyMap<object, string> {
  const taken = new Set<string>();
  for (const { how } of calls) {
    if (how.key === undefined) continue;
    if (taken.has(how.key)) throw sameKey(calls, how.key);
    taken.add(how.key);
  }
  const keys = new Map<object, string>();
  const counts = new Map<string, number>();
  for (const call of calls) {
    if (keys.has(call)) throw usedTwice(call);
    keys.set(call, call.how.key ?? freeKey(call.task, taken, counts));
  }
  return keys;
}

function sameKey(calls: readonly Call[], key: string): TypeError {
  const [first, second] = calls.filter(({ how }) => how.key === key);
  if (first && first === second) return usedTwice(first);
  return new TypeError(`expected the keys of the signatures to differ, got ${JSON.stringify(key)} twice`);
}

function usedTwice({ task }: Call): TypeError {
  return new TypeError(
    `expected each signature to be in a workflow once, got one of ${task} twice: make another one for the second place`,
  );
}

/** `counts` says how far the keys of a task have been tried, so that a thousand of one task are quick. */
function freeKey(task: string, taken: Set<string>, counts: Map<string, number>): string {
  for (let count = (counts.get(task) ?? 0) + 1; ; count += 1) {
    const key = count === 1 ? task : `${task}-${count}`;
    if (taken.has(key)) continue;
    taken.add(key);
    counts.set(task, count);
    return key;
  }
}
