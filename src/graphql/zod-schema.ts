import type { z } from 'zod';

/** What a zod schema says of itself, whatever it is wrapped in. */

/** The nearest description, from the outermost wrapper inwards. */
export function descriptionOf(schema: z.core.$ZodType): string | undefined {
  if ('description' in schema && typeof schema.description === 'string') return schema.description;
  const inner = innerOf(schema);
  return inner && descriptionOf(inner);
}

/** The default, in JSON. One that is made anew each time (the time, an id) is none that a schema can tell. */
export function defaultOf(schema: z.core.$ZodType): unknown {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if (def.type === 'default' || def.type === 'prefault') {
    const [once, twice] = [def.defaultValue, def.defaultValue];
    return JSON.stringify(once) === JSON.stringify(twice) ? once : undefined;
  }
  const inner = def.type === 'pipe' ? undefined : innerOf(schema);
  return inner && defaultOf(inner);
}

function innerOf({ _zod: { def } }: z.core.$ZodType): z.core.$ZodType | undefined {
  if ('innerType' in def) return def.innerType as z.core.$ZodType;
  return def.type === 'pipe' ? (def as z.core.$ZodPipeDef).in : undefined;
}

/** The values of a literal or an enum; undefined for other schemas. */
export function literalsOf({ _zod }: z.core.$ZodType): readonly unknown[] | undefined {
  const { def } = _zod as z.core.$ZodTypes['_zod'];
  if (def.type === 'literal') return def.values;
  return def.type === 'enum' ? Object.values(def.entries) : undefined;
}

/** The format of a text or a number: `z.int()` has it itself, `z.number().int()` as a check. */
export function formatOf(def: z.core.$ZodTypeDef): string | undefined {
  const formats = [def, ...(def.checks ?? []).map((check) => check._zod.def)];
  return formats.map((candidate) => ('format' in candidate ? String(candidate.format) : undefined)).find(Boolean);
}
