import type { EnumRef, InputObjectRef, ObjectRef } from '@pothos/core';
import type { Builder } from './builder.ts';
import { capitalize } from './graphql-names.ts';
import type { EnumShape, FieldShape, ObjectShape, Shape, ShapeScalar } from './zod-to-graphql.ts';

/** An object as it was given or stored. */
export type JsonObject = Readonly<Record<string, unknown>>;

type Types = Builder['$inferSchemaTypes'];
type NamedEnum = EnumRef<Types, string>;
type InputObject = InputObjectRef<Types, JsonObject>;
type OutputObject = ObjectRef<Types, JsonObject>;

/** A shape whose objects and enums have become types. */
type Named<Object> = { of: ShapeScalar | NamedEnum | Object } | { listOf: Named<Object>; itemNullable: boolean };

/** Makes the input type of an object, named `name`; those within it are named after it and their field. */
export function addInputType(builder: Builder, shape: ObjectShape, name: string, about: string): InputObject {
  return new InputTypes(builder, about).object(shape, name);
}

/** As {@link addInputType}, for output. */
export function addOutputType(builder: Builder, shape: ObjectShape, name: string, about: string): OutputObject {
  return new OutputTypes(builder, about).object(shape, name);
}

/** Gives the types of one object their names. */
abstract class ShapeTypes<Object> {
  protected readonly builder: Builder;
  /** What the outermost object is, for descriptions. */
  readonly #about: string;
  /** An object that contains itself is made once. */
  readonly #objects = new Map<ObjectShape, Object>();

  constructor(builder: Builder, about: string) {
    this.builder = builder;
    this.#about = about;
  }

  object(shape: ObjectShape, name: string): Object {
    const known = this.#objects.get(shape);
    if (known) return known;
    const object = this.start(name);
    this.#objects.set(shape, object);
    const fields = shape.fields.map((field) => ({
      field,
      type: this.#name(field.shape, `${name}${capitalize(field.name)}`),
    }));
    this.implement(object, shape.description ?? this.#about, fields);
    return object;
  }

  protected abstract start(name: string): Object;
  protected abstract implement(object: Object, description: string, fields: NamedField<Object>[]): void;

  protected describe({ name, description }: FieldShape): string {
    return description ?? `\`${name}\` of: ${this.#about}`;
  }

  #name(shape: Shape, name: string): Named<Object> {
    switch (shape.kind) {
      case 'scalar':
        return { of: shape.scalar };
      case 'enum':
        return { of: this.#enum(shape, name) };
      case 'list':
        return { listOf: this.#name(shape.item, name), itemNullable: shape.itemNullable };
      case 'object':
        return { of: this.object(shape, name) };
    }
  }

  #enum({ values }: EnumShape, name: string): NamedEnum {
    const entries = [...values].map(([key, value]) => [key, { value, description: JSON.stringify(value) }] as const);
    return this.builder.enumType(name, {
      description: `One of the values of: ${this.#about}`,
      values: Object.fromEntries(entries),
    });
  }
}

interface NamedField<Object> {
  field: FieldShape;
  type: Named<Object>;
}

class InputTypes extends ShapeTypes<InputObject> {
  protected start(name: string): InputObject {
    return this.builder.inputRef<JsonObject, false>(name);
  }

  protected implement(object: InputObject, description: string, fields: NamedField<InputObject>[]): void {
    type FieldBuilder = PothosSchemaTypes.InputFieldBuilder<Types, 'InputObject'>;
    const typeOf = (t: FieldBuilder, type: Named<InputObject>): ShapeScalar | NamedEnum | InputObject =>
      'of' in type
        ? type.of
        : (t.listRef(typeOf(t, type.listOf), { required: !type.itemNullable }) as unknown as InputObject);
    const fieldOf = (t: FieldBuilder, { field, type }: NamedField<InputObject>) =>
      t.field({
        type: typeOf(t, type),
        required: !field.nullable && !field.omittable,
        description: this.describe(field),
        ...(field.defaultValue === undefined ? {} : { defaultValue: field.defaultValue }),
      });
    this.builder.inputType(object, {
      description,
      fields: (t) => Object.fromEntries(fields.map((named) => [named.field.name, fieldOf(t, named)])),
    });
  }
}

class OutputTypes extends ShapeTypes<OutputObject> {
  protected start(name: string): OutputObject {
    return this.builder.objectRef<JsonObject>(name);
  }

  protected implement(object: OutputObject, description: string, fields: NamedField<OutputObject>[]): void {
    type FieldBuilder = PothosSchemaTypes.ObjectFieldBuilder<Types, JsonObject>;
    const typeOf = (t: FieldBuilder, type: Named<OutputObject>): ShapeScalar | NamedEnum | OutputObject =>
      'of' in type
        ? type.of
        : (t.listRef(typeOf(t, type.listOf), { nullable: type.itemNullable }) as unknown as OutputObject);
    const fieldOf = (t: FieldBuilder, { field, type }: NamedField<OutputObject>) =>
      t.field({
        type: typeOf(t, type),
        nullable: field.nullable || field.omittable,
        description: this.describe(field),
        resolve: (parent) => parent[field.name] as never,
      });
    this.builder.objectType(object, {
      description,
      fields: (t) => Object.fromEntries(fields.map((named) => [named.field.name, fieldOf(t, named)])),
    });
  }
}
