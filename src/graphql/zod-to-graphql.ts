import type { z } from 'zod';
import { enumNames, isGraphQLName } from './graphql-names.ts';
import { defaultOf, descriptionOf, formatOf, literalsOf } from './zod-schema.ts';

/**
 * How the values of a zod schema look in GraphQL. A *shape* is a GraphQL type that has no name yet. What GraphQL cannot say
 * (unions of different things, records, tuples, objects without fields) has the shape of the scalar `JSON`.
 */

/** Scalars that a schema can become. */
export type ShapeScalar = 'String' | 'Int' | 'Float' | 'Boolean' | 'ID' | 'DateTime' | 'JSON';

export interface ScalarShape {
  kind: 'scalar';
  scalar: ShapeScalar;
}

export interface EnumShape {
  kind: 'enum';
  /** By the name in GraphQL, the value in JSON. */
  values: ReadonlyMap<string, string>;
}

export interface ListShape {
  kind: 'list';
  item: Shape;
  itemNullable: boolean;
}

/** It contains itself where the schema does. */
export interface ObjectShape {
  kind: 'object';
  description: string | undefined;
  fields: readonly FieldShape[];
}

export type Shape = ScalarShape | EnumShape | ListShape | ObjectShape;

export interface FieldShape {
  name: string;
  shape: Shape;
  /** Whether null is a value of it. */
  nullable: boolean;
  /** Whether it can be left out. */
  omittable: boolean;
  description: string | undefined;
  /** What it is when left out, if GraphQL can say so. */
  defaultValue: unknown;
}

/** A schema with transformations has two sides: what callers give, and what comes out. */
export type Side = 'input' | 'output';

/** The fields of an object; undefined when GraphQL has no such type: none, or with names that GraphQL does not allow. */
export function objectShapeOf(schema: z.core.$ZodObject, side: Side): ObjectShape | undefined {
  const { shape } = new Walk(side).walk(schema);
  return shape.kind === 'object' ? shape : undefined;
}

interface Walked {
  shape: Shape;
  nullable: boolean;
}

const JSON_SHAPE: ScalarShape = { kind: 'scalar', scalar: 'JSON' };
const ANYTHING: Walked = { shape: JSON_SHAPE, nullable: true };
const INT_FORMATS = new Set(['safeint', 'int32']);
const STRING_SCALARS: Record<string, ShapeScalar> = { uuid: 'ID', guid: 'ID', datetime: 'DateTime' };
const INT_MAX = 2 ** 31 - 1;

/** One walk over a schema. */
class Walk {
  readonly #side: Side;
  /** The objects that are being walked. */
  readonly #open = new Map<z.core.$ZodType, ObjectShape>();

  constructor(side: Side) {
    this.#side = side;
  }

  walk(schema: z.core.$ZodType): Walked {
    const { def } = (schema as z.core.$ZodTypes)._zod;
    switch (def.type) {
      case 'optional':
      case 'nonoptional':
      case 'default':
      case 'prefault':
      case 'catch':
      case 'readonly':
        return this.walk(def.innerType);
      case 'nullable':
        return { ...this.walk(def.innerType), nullable: true };
      case 'lazy':
        return this.walk(def.getter());
      case 'pipe':
        return this.walk(this.#sideOf(def));
      case 'string':
        return scalar(scalarOfString(def));
      case 'template_literal':
        return scalar('String');
      case 'number':
        return scalar(INT_FORMATS.has(formatOf(def) ?? '') ? 'Int' : 'Float');
      case 'boolean':
      case 'success':
        return scalar('Boolean');
      case 'date':
        return scalar('DateTime');
      case 'enum':
        return ofValues(Object.values(def.entries));
      case 'literal':
        return ofValues(def.values);
      case 'array':
        return this.#list(def.element);
      case 'object':
        return { shape: this.#object(schema as z.core.$ZodObject), nullable: false };
      case 'union':
        return this.#union(def.options);
      default:
        return ANYTHING;
    }
  }

  /** A function that is not a schema says nothing of its input: `z.preprocess` is what comes after it. */
  #sideOf({ in: first, out: second }: z.core.$ZodPipeDef): z.core.$ZodType {
    return this.#side === 'output' || first._zod.def.type === 'transform' ? second : first;
  }

  #list(element: z.core.$ZodType): Walked {
    const { shape, nullable } = this.walk(element);
    return { shape: { kind: 'list', item: shape, itemNullable: nullable }, nullable: false };
  }

  #object(schema: z.core.$ZodObject): Shape {
    const open = this.#open.get(schema);
    if (open) return open;
    const entries = Object.entries(schema._zod.def.shape);
    if (entries.length === 0 || !entries.every(([name]) => isGraphQLName(name))) return JSON_SHAPE;
    const shape: ObjectShape = { kind: 'object', description: descriptionOf(schema), fields: [] };
    this.#open.set(schema, shape);
    shape.fields = entries.map(([name, field]) => this.#field(name, field));
    this.#open.delete(schema);
    return shape;
  }

  #field(name: string, schema: z.core.$ZodType): FieldShape {
    const { shape, nullable } = this.walk(schema);
    const { optin, optout } = schema._zod;
    const omittable = (this.#side === 'input' ? optin : optout) !== undefined;
    const given = this.#side === 'input' ? defaultOf(schema) : undefined;
    const defaultValue = given !== undefined && isValueOf(shape, given) ? given : undefined;
    return { name, shape, nullable, omittable, description: descriptionOf(schema), defaultValue };
  }

  /** Values of several texts are an enum; alternatives that look the same in GraphQL are one. */
  #union(options: readonly z.core.$ZodType[]): Walked {
    const values = options.map(literalsOf);
    if (values.every((list) => list !== undefined)) return ofValues(values.flat());
    const isNothing = ({ _zod }: z.core.$ZodType) => ['null', 'undefined', 'void'].includes(_zod.def.type);
    const walked = options.filter((option) => !isNothing(option)).map((option) => this.walk(option));
    const [first, ...others] = walked;
    const nullable = options.some(isNothing) || walked.some((option) => option.nullable);
    if (first && others.every(({ shape }) => isSameScalar(shape, first.shape))) return { shape: first.shape, nullable };
    return { shape: JSON_SHAPE, nullable };
  }
}

function scalar(name: ShapeScalar): Walked {
  return { shape: { kind: 'scalar', scalar: name }, nullable: false };
}

/** A moment with a precision of its own stays text: `DateTime` always has milliseconds. */
function scalarOfString(def: z.core.$ZodStringDef): ShapeScalar {
  const name = STRING_SCALARS[formatOf(def) ?? ''] ?? 'String';
  return name === 'DateTime' && 'precision' in def && def.precision != null ? 'String' : name;
}

/** Several texts are an enum, a single one is text. */
function ofValues(all: readonly unknown[]): Walked {
  const values = [...new Set(all)].filter((value) => value != null);
  return { shape: shapeOfValues(values), nullable: values.length < new Set(all).size };
}

function shapeOfValues(values: readonly unknown[]): Shape {
  if (values.length === 0) return JSON_SHAPE;
  if (values.every((value) => typeof value === 'string')) {
    const names = values.length > 1 ? enumNames(values) : undefined;
    return names ? { kind: 'enum', values: names } : { kind: 'scalar', scalar: 'String' };
  }
  const fitting = (['Int', 'Float', 'Boolean'] as const).find((name) =>
    values.every((value) => isScalarValue(name, value)),
  );
  return { kind: 'scalar', scalar: fitting ?? 'JSON' };
}

function isSameScalar(one: Shape, other: Shape): boolean {
  return one.kind === 'scalar' && other.kind === 'scalar' && one.scalar === other.scalar;
}

/** Whether GraphQL can print a value as the default of a field. */
function isValueOf(shape: Shape, value: unknown): boolean {
  if (shape.kind === 'scalar') return isScalarValue(shape.scalar, value);
  if (shape.kind === 'enum') return [...shape.values.values()].includes(value as string);
  return shape.kind === 'list' && Array.isArray(value) && value.every((item) => isValueOf(shape.item, item));
}

function isScalarValue(name: ShapeScalar, value: unknown): boolean {
  switch (name) {
    case 'String':
    case 'ID':
      return typeof value === 'string';
    case 'Int':
      return Number.isInteger(value) && Math.abs(value as number) <= INT_MAX;
    case 'Float':
      return Number.isFinite(value);
    case 'Boolean':
      return typeof value === 'boolean';
    case 'DateTime':
    case 'JSON':
      return false;
  }
}
