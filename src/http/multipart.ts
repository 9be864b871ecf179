import type { IncomingMessage } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';
import { Busboy, type BusboyInstance } from '@fastify/busboy';
import { GraphQLError } from 'graphql';
import type { GraphQLParams } from 'graphql-yoga';
import { z } from 'zod';
import { userError } from '../core/errors.ts';
import { type FilePart, UploadedFile } from '../graphql/uploaded-file.ts';

/**
 * The GraphQL multipart request specification (https://github.com/jaydenseric/graphql-multipart-request-spec), streamed: the
 * operation starts when `operations` and `map` have come, and reads its files from the socket. Nothing is kept but what is on
 * its way, so a file may be of any size; a reader that is slow slows the client down.
 */

const FILES_MAX = 10;
const FIELDS_MAX = 2;
/** A client that sends nothing for so long is gone. */
const IDLE_MS = 60_000;

const mapSchema = z.record(z.string(), z.array(z.string()));

/** Reads a request as far as its operation; the files in it arrive while it runs. Rejects with an error of HTTP 400. */
export function readMultipart(req: IncomingMessage, fieldMaxBytes: number): Promise<GraphQLParams> {
  return new MultipartReader(req, fieldMaxBytes).params;
}

/** A file that `map` tells of. */
interface ExpectedFile {
  requested: boolean;
  part: FilePart | undefined;
  arrival: PromiseWithResolvers<FilePart>;
}

class MultipartReader {
  readonly #started = Promise.withResolvers<GraphQLParams>();
  readonly #fields = new Map<string, string>();
  #files: Map<string, ExpectedFile> | undefined;

  constructor(req: IncomingMessage, fieldMaxBytes: number) {
    try {
      this.#read(req, openParser(req, fieldMaxBytes));
    } catch (error) {
      this.#fail(badRequest(`the multipart body cannot be read: ${(error as Error).message}`));
    }
  }

  get params(): Promise<GraphQLParams> {
    return this.#started.promise;
  }

  #read(req: IncomingMessage, parser: BusboyInstance): void {
    parser.on('field', (name, value, _nameTruncated, truncated) => {
      if (truncated) this.#fail(badRequest(`the field ${JSON.stringify(name)} is too long`));
      else this.#onField(name, value);
    });
    parser.on('file', (name, stream, fileName, _encoding, contentType) => {
      this.#onFile(name, { name: fileName ?? '', contentType, content: releasable(stream) });
    });
    parser.on('error', (error) =>
      this.#fail(badRequest(`the multipart body cannot be read: ${(error as Error).message}`)),
    );
    for (const limit of ['partsLimit', 'filesLimit', 'fieldsLimit'] as const) {
      parser.on(limit, () =>
        this.#fail(badRequest(`expected operations, map and at most ${FILES_MAX} files, got more`)),
      );
    }
    parser.on('finish', () => this.#onEnd());
    req.on('close', () => {
      if (!req.complete) this.#fail(badRequest('the request ended in its middle'));
    });
    req.setTimeout(IDLE_MS, () => req.destroy());
    req.on('end', () => req.setTimeout(0));
    req.pipe(parser);
  }

  #onField(name: string, value: string): void {
    this.#fields.set(name, value);
    const operations = this.#fields.get('operations');
    const map = this.#fields.get('map');
    if (operations === undefined || map === undefined || this.#files) return;
    try {
      this.#start(parseField('operations', operations), mapSchema.safeParse(parseField('map', map)));
    } catch (error) {
      this.#fail(error as GraphQLError);
    }
  }

  #start(operations: unknown, map: z.ZodSafeParseResult<z.infer<typeof mapSchema>>): void {
    if (typeof operations !== 'object' || operations === null || Array.isArray(operations)) {
      throw badRequest('expected operations to be one GraphQL request as a JSON object');
    }
    if (!map.success)
      throw badRequest('expected map to be an object of lists of paths, e.g. {"0": ["variables.file"]}');
    this.#files = new Map();
    for (const [name, paths] of Object.entries(map.data)) {
      const file: ExpectedFile = { requested: false, part: undefined, arrival: Promise.withResolvers() };
      file.arrival.promise.catch(() => undefined); // nobody may ask for it
      this.#files.set(name, file);
      for (const path of paths) setAt(operations, path.split('.'), new UploadedFile(() => this.#request(file)));
    }
    this.#started.resolve(operations as GraphQLParams);
  }

  #onFile(name: string, part: FilePart): void {
    const file = this.#files?.get(name);
    if (file && !file.part) {
      file.part = part;
      file.arrival.resolve(part);
      this.#checkOrder();
    } else {
      part.content.destroy();
      if (!this.#files) this.#fail(badRequest('expected operations and map before the files'));
    }
  }

  async #request(file: ExpectedFile): Promise<FilePart> {
    if (file.requested)
      throw userError('FILE_ALREADY_USED', 'expected each file to be used once, got it twice', ['file']);
    file.requested = true;
    this.#checkOrder();
    return file.arrival.promise;
  }

  /** Files come one after the other: who waits for the second while nobody reads the first waits for ever. */
  #checkOrder(): void {
    const files = [...(this.#files?.values() ?? [])];
    if (!files.some(({ part, requested }) => part && !requested)) return;
    for (const { part, requested, arrival } of files) {
      if (requested && !part) {
        arrival.reject(
          userError('FILE_OUT_OF_ORDER', 'expected the files in the order in which they are used', ['file']),
        );
      }
    }
  }

  #onEnd(): void {
    this.#started.reject(badRequest('expected the fields operations and map, got no such fields'));
    for (const [name, { arrival }] of this.#files ?? []) {
      arrival.reject(
        userError('FILE_MISSING', `expected a file in the field ${JSON.stringify(name)}, got none`, ['file']),
      );
    }
  }

  /** Once the operation has started, only its files can fail. */
  #fail(error: GraphQLError): void {
    this.#started.reject(error);
    const incomplete = userError('FILE_INCOMPLETE', `expected the whole file, but ${error.message}`, ['file']);
    for (const { part, arrival } of this.#files?.values() ?? []) {
      arrival.reject(incomplete);
      if (part && !part.content.readableEnded) part.content.destroy(incomplete);
    }
  }
}

function openParser(req: IncomingMessage, fieldMaxBytes: number): BusboyInstance {
  return new Busboy({
    headers: { ...req.headers, 'content-type': req.headers['content-type'] ?? '' },
    preservePath: true,
    limits: { fieldSize: fieldMaxBytes, fields: FIELDS_MAX, files: FILES_MAX, parts: FIELDS_MAX + FILES_MAX },
  });
}

/** A stream that may be destroyed before its end: the parser goes on with what follows. */
function releasable(stream: Readable): Readable {
  const content = new PassThrough();
  content.on('error', () => undefined); // its reader hears of it too, if there is one
  content.on('close', () => {
    stream.unpipe(content);
    stream.resume();
  });
  stream.on('error', (error) => content.destroy(error));
  return stream.pipe(content);
}

function parseField(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest(`expected the field ${name} to be JSON`);
  }
}

/** Puts a file where the map says, which must be there already. */
function setAt(operations: object, path: readonly string[], file: UploadedFile): void {
  const parent = path
    .slice(0, -1)
    .reduce<unknown>((value, key) => (hasOwn(value, key) ? value[key] : undefined), operations);
  const last = path.at(-1) ?? '';
  if (!hasOwn(parent, last))
    throw badRequest(`expected the paths in map to lead to null in operations, got: ${path.join('.')}`);
  parent[last] = file;
}

function hasOwn(value: unknown, key: string): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key);
}

function badRequest(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { http: { status: 400 } } });
}
