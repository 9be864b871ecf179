import type { FieldShape, ObjectShape, Shape } from './zod-to-graphql.ts';

/**
 * Turns a typed input back into the JSON that it stands for. Dates become text. Null is dropped where the schema knows only
 * "left out", and added where it knows only null. Enums have been turned back by graphql-js.
 */
export function toPayload(shape: ObjectShape, value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = shape.fields.map((field) => [field.name, fieldToJson(field, value[field.name])] as const);
  return Object.fromEntries(entries.filter(([, fieldValue]) => fieldValue !== undefined));
}

function fieldToJson({ shape, nullable, omittable }: FieldShape, value: unknown): unknown {
  if (value != null) return toJson(shape, value);
  if (nullable && (value === null || !omittable)) return null;
  return undefined;
}

function toJson(shape: Shape, value: unknown): unknown {
  if (value == null) return value;
  if (value instanceof Date) return value.toISOString();
  if (shape.kind === 'list') return (value as unknown[]).map((item) => toJson(shape.item, item));
  return shape.kind === 'object' ? toPayload(shape, value as Record<string, unknown>) : value;
}
