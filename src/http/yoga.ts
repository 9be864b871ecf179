import type { ServerResponse } from 'node:http';
import { createYoga, isAsyncIterable, type Plugin, type YogaLogger } from 'graphql-yoga';
import type { Logger } from 'pino';
import { type GraphQLContext, openContexts } from '../graphql/context.ts';
import { openErrorMapping, type ToPublicError } from '../graphql/errors.ts';
import { noListInItself } from '../graphql/no-list-in-itself.ts';
import { buildSchema } from '../graphql/schema.ts';
import type { ServiceResources } from '../operations/resources.ts';
import type { TaskCatalog } from '../tasks/catalog.ts';
import { GRAPHIQL_OPTIONS, renderGraphiQLPage } from './graphiql.ts';
import { type ServerContext, useRequestBody } from './request-body.ts';

/** Where GraphQL is, over HTTP, SSE and websockets. */
export const GRAPHQL_PATH = '/graphql';

export interface GraphQLHandlerOptions {
  resources: ServiceResources;
  catalog: TaskCatalog;
  /** Without GraphiQL. */
  production: boolean;
  logger: Logger;
}

/** GraphQL for all transports. */
export interface GraphQLHandler {
  yoga: ReturnType<typeof openYoga>;
  toPublicError: ToPublicError;
  /** Whether a response is the stream of a subscription. */
  isStream(res: ServerResponse): boolean;
}

/** Opens GraphQL for the tasks of a catalogue. */
export function openGraphQL(options: GraphQLHandlerOptions): GraphQLHandler {
  const toPublicError = openErrorMapping(options.logger);
  const streams = new WeakSet<ServerResponse>();
  const plugins = [useRequestBody(), useValidation(toPublicError), useStreamMarks(streams)];
  return { yoga: openYoga(options, plugins, toPublicError), toPublicError, isStream: (res) => streams.has(res) };
}

type ServerPlugin = Plugin<object, ServerContext>;

function openYoga(
  { resources, catalog, production, logger }: GraphQLHandlerOptions,
  plugins: ServerPlugin[],
  toPublicError: ToPublicError,
) {
  return createYoga<ServerContext, GraphQLContext>({
    schema: buildSchema(catalog, resources.workflows),
    context: openContexts(resources),
    graphqlEndpoint: GRAPHQL_PATH,
    graphiql: production ? false : GRAPHIQL_OPTIONS,
    renderGraphiQL: renderGraphiQLPage,
    landingPage: false,
    logging: toYogaLogger(logger),
    maskedErrors: { maskError: toPublicError },
    multipart: false,
    maxRequestBodySize: false,
    plugins,
  });
}

/** Adds a rule of ours; and validation is the one phase whose errors yoga does not mask. */
function useValidation(toPublicError: ToPublicError): ServerPlugin {
  return {
    onValidate({ addValidationRule }) {
      addValidationRule(noListInItself);
      return ({ valid, result, setResult }) => {
        if (!valid) setResult(result.map(toPublicError));
      };
    },
  };
}

function useStreamMarks(streams: WeakSet<ServerResponse>): ServerPlugin {
  return {
    onResultProcess({ result, serverContext }) {
      if (isAsyncIterable(result)) streams.add(serverContext.res);
    },
  };
}

/** What yoga calls errors are mostly those of clients; faults are logged where they are masked. */
function toYogaLogger(logger: Logger): YogaLogger {
  const trace = (...args: unknown[]) => logger.trace({ yoga: args }, 'yoga');
  return { debug: trace, info: trace, warn: (...args: unknown[]) => logger.warn({ yoga: args }, 'yoga'), error: trace };
}
