import { GraphQLError, valueFromASTUntyped } from 'graphql';
import { z } from 'zod';
import type { Builder } from '../builder.ts';
import { UploadedFile } from '../uploaded-file.ts';

const dateTime = z.iso.datetime({ offset: true });

/** Adds DateTime, JSON and File. */
export function addScalars(builder: Builder): void {
  builder.scalarType('DateTime', {
    description:
      'A moment in ISO 8601 with its offset, e.g. `2026-01-31T12:00:00.000Z`; answered in UTC with milliseconds.',
    specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
    parseValue: parseDateTime,
    serialize: (value) => new Date(value).toISOString(),
  });
  builder.scalarType('JSON', {
    description: 'Any JSON value.',
    parseValue: (value) => value as NonNullable<unknown>, // graphql-js keeps null to itself
    parseLiteral: (node, variables) => valueFromASTUntyped(node, variables) as NonNullable<unknown>,
    serialize: (value) => value,
  });
  builder.scalarType('File', {
    description:
      'A file, sent as the GraphQL multipart request specification says (https://github.com/jaydenseric/graphql-multipart-request-spec).',
    parseValue: parseFile,
    serialize: () => {
      throw new TypeError('expected File to be used for input only');
    },
  });
}

function parseDateTime(value: unknown): Date {
  if (typeof value === 'string' && dateTime.safeParse(value).success) return new Date(value);
  throw new GraphQLError(
    `expected a DateTime in ISO 8601 with its offset, e.g. "2026-01-31T12:00:00Z", got: ${JSON.stringify(value)}`,
  );
}

function parseFile(value: unknown): UploadedFile {
  if (value instanceof UploadedFile) return value;
  throw new GraphQLError('expected a file of a multipart request, got: something else');
}
