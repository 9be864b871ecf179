declare const RESULT: unique symbol;

/** Stands for a `T` that is known once a step has succeeded. */
export interface RefTo<out T> {
  readonly [RESULT]: T;
}

/**
 * Stands for the result of a step, or for the part of it that its fields lead to: `previous.data.id`. It can be a field of a
 * payload, or an item of a list that is one, and nothing else: the value is not there yet. A list is referred to as a whole.
 *
 * What a result may lack (`Ref<string | undefined>`) fits no field: the step would fail when it is missing.
 */
export type Ref<T> = RefTo<T> & (T extends object ? RefFields<T> : unknown);

type RefFields<T extends object> = T extends readonly unknown[] ? unknown : { readonly [F in keyof T]-?: Ref<T[F]> };

/** A result as it is stored: as JSON. */
export type Stored<T> = T extends { toJSON(): infer Json }
  ? Json
  : T extends object
    ? { [F in keyof T]: Stored<T[F]> }
    : T;

/** What a ref refers to: a part of the result of `source`, whatever that is. */
export interface RefTarget {
  source: object;
  path: readonly string[];
}

const targets = new WeakMap<object, RefTarget>();

/** The ref to the result of `source`. */
export function resultRef(source: object, path: readonly string[] = []): object {
  const ref = new Proxy(Object.freeze({}), {
    get(_, field) {
      if (typeof field === 'symbol') return symbolOf(field, path);
      if (field === '' || field.includes('.')) {
        throw new TypeError(
          `expected the name of a field without dots, as paths into results have them, got: ${JSON.stringify(field)}`,
        );
      }
      return resultRef(source, [...path, field]);
    },
  });
  targets.set(ref, { source, path });
  return ref;
}

/** What a value refers to, if it is a ref. */
export function refTarget(value: unknown): RefTarget | undefined {
  return typeof value === 'object' && value !== null ? targets.get(value) : undefined;
}

/** To be made into text or a number is asked of it by symbols. */
function symbolOf(symbol: symbol, path: readonly string[]): undefined {
  if (symbol === Symbol.toPrimitive) {
    const what = path.length > 0 ? `${JSON.stringify(path.join('.'))} of a result` : 'a result';
    throw new TypeError(`expected ${what} to be the whole of a field, as it is not known yet, but text is made of it`);
  }
  return undefined;
}
