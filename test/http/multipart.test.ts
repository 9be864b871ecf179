import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request as openRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { test as base, expect } from 'vitest';
import { UserInputError } from '../../src/core/errors.ts';
import { UploadedFile } from '../../src/graphql/uploaded-file.ts';
import { readMultipart } from '../../src/http/multipart.ts';

const FIELD_MAX_BYTES = 1000;
const MEGABYTE = 1024 ** 2;

/** What the server answers: what it read, or the error. */
type Read = Record<string, unknown>;
type ReadFiles = (files: UploadedFile[]) => Promise<Read>;

/** A server that reads requests as the API does, and treats their files as the test says. */
const test = base.extend('serve', async ({}, { onCleanup }) => {
  const closing: (() => void)[] = [];
  onCleanup(() => {
    for (const close of closing) close();
  });
  return async (readFiles: ReadFiles): Promise<string> => {
    const server = createServer((req, res) => {
      void readMultipart(req, FIELD_MAX_BYTES)
        .then(({ variables = {} }) =>
          readFiles(
            Object.values(variables)
              .flat()
              .filter((value) => value instanceof UploadedFile),
          ),
        )
        .catch((error: Error) => ({ error: error.message }))
        .then((read) => res.end(JSON.stringify(read)));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => server.close().closeAllConnections());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
});

test('a file is handed on with its name and type', async ({ serve }) => {
  const url = await serve(async ([file]) => describe(file));

  const read = await send(url, form({ file: null }, { 0: ['variables.file'] }, { 0: 'hello' }));

  expect(read).toEqual({ name: '0.txt', contentType: 'text/plain', text: 'hello' });
});

test('several files are read one after the other', async ({ serve }) => {
  const url = await serve(async ([first, second]) => ({
    first: await describe(first),
    second: await describe(second),
  }));

  const read = await send(
    url,
    form({ files: [null, null] }, { a: ['variables.files.0'], b: ['variables.files.1'] }, { a: '1', b: '2' }),
  );

  expect(read).toMatchObject({ first: { text: '1' }, second: { text: '2' } });
});

test('an operation may leave a file half read and go on to the next', async ({ serve }) => {
  const url = await serve(async ([first, second]) => {
    const { content } = await openFile(first);
    await once(content, 'data');
    content.destroy();
    return describe(second);
  });

  const read = await send(
    url,
    form({ a: null, b: null }, { a: ['variables.a'], b: ['variables.b'] }, { a: 'x'.repeat(3 * MEGABYTE), b: '2' }),
  );

  expect(read).toMatchObject({ text: '2' });
});

test('files that are used in another order than they come in fail instead of waiting for ever', async ({ serve }) => {
  const url = await serve(async ([first, second]) => ({
    second: await codeOf(openFile(second)),
    first: await describe(first),
  }));
  const large = 'x'.repeat(3 * MEGABYTE);

  const read = await send(
    url,
    form({ a: null, b: null }, { a: ['variables.a'], b: ['variables.b'] }, { a: large, b: '2' }),
  );

  expect(read).toMatchObject({ second: 'FILE_OUT_OF_ORDER', first: { text: large } });
});

test('a file that the request does not have, or that is used twice, is a user error', async ({ serve }) => {
  const url = await serve(async ([first, again, missing]) => {
    await describe(first);
    return { again: await codeOf(openFile(again)), missing: await codeOf(openFile(missing)) };
  });

  const map = { a: ['variables.a', 'variables.again'], b: ['variables.b'] };
  const read = await send(url, form({ a: null, again: null, b: null }, map, { a: '1' }));

  expect(read).toEqual({ again: 'FILE_ALREADY_USED', missing: 'FILE_MISSING' });
});

test('a body that ends in the middle of a file fails its reader', async ({ serve }) => {
  const url = await serve(async ([file]) => ({ code: await codeOf(describe(file)) }));
  const whole = await new Response(form({ file: null }, { 0: ['variables.file'] }, { 0: 'hello' })).text();

  const boundary = whole.slice(2, whole.indexOf('\r\n'));
  const read = await send(url, whole.slice(0, whole.indexOf('hello') + 3), `multipart/form-data; boundary=${boundary}`);

  expect(read).toEqual({ code: 'FILE_INCOMPLETE' });
});

test('a client that goes away in the middle of a file fails its reader', async ({ serve }) => {
  const { promise: began, resolve: begin } = Promise.withResolvers<void>();
  const { promise: ended, resolve: end } = Promise.withResolvers<string>();
  const url = await serve(async ([file]) => {
    const { content } = await openFile(file);
    content.once('data', () => begin());
    end(await codeOf(buffer(content)));
    return {};
  });
  const body = new Response(form({ file: null }, { 0: ['variables.file'] }, { 0: 'x'.repeat(MEGABYTE) }));
  const headers = { 'content-type': body.headers.get('content-type') ?? '', 'content-length': 2 * MEGABYTE };
  const request = openRequest(url, { method: 'POST', headers });
  request.on('error', () => undefined);
  request.write(Buffer.from(await body.arrayBuffer()).subarray(0, MEGABYTE / 2));
  await began;

  request.destroy();

  expect(await ended).toBe('FILE_INCOMPLETE');
});

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

test('a slow reader slows the client down: what is on its way stays small', async ({ serve }) => {
  const size = 64 * MEGABYTE;
  let largest = 0;
  const url = await serve(async ([file]) => {
    const { content } = await openFile(file);
    const hash = createHash('sha256');
    const before = process.memoryUsage().arrayBuffers;
    for await (const chunk of content) {
      hash.update(chunk as Buffer);
      if (process.memoryUsage().arrayBuffers - before > largest) {
        collectGarbage(); // what nobody holds any more is not on its way
        largest = Math.max(largest, process.memoryUsage().arrayBuffers - before);
      }
    }
    return { sha256: hash.digest('hex') };
  });
  const content = Buffer.alloc(size, 'x');

  const read = await send(url, form({ file: null }, { 0: ['variables.file'] }, { 0: content }));

  expect(read).toEqual({ sha256: createHash('sha256').update(content).digest('hex') });
  expect(largest).toBeLessThan(size / 2); // the client is in this process too
});

test.for<[what: string, body: FormData | string, message: string]>([
  ['no fields', form(undefined, undefined, {}), 'expected the fields operations and map, got no such fields'],
  ['a file before them', form(undefined, undefined, { 0: 'x' }), 'expected operations and map before the files'],
  ['a batch', form(undefined, {}, {}, '[]'), 'expected operations to be one GraphQL request as a JSON object'],
  ['operations that are no JSON', form(undefined, {}, {}, '{'), 'expected the field operations to be JSON'],
  ['operations that are too long', form(undefined, {}, {}, 'x'.repeat(2000)), 'the field "operations" is too long'],
  [
    'a path to nothing',
    form({}, { 0: ['variables.file'] }, {}),
    'expected the paths in map to lead to null in operations, got: variables.file',
  ],
  [
    'a path to the prototype',
    form({}, { 0: ['__proto__.x'] }, {}),
    'expected the paths in map to lead to null in operations, got: __proto__.x',
  ],
  [
    'a map of something else',
    form({}, { 0: 5 }, {}),
    'expected map to be an object of lists of paths, e.g. {"0": ["variables.file"]}',
  ],
  ['no boundary', 'x', 'the multipart body cannot be read: Multipart: Boundary not found'],
])('%s is refused', async ([, body, message], { serve }) => {
  const url = await serve(async () => ({}));

  expect(await send(url, body, 'multipart/form-data; x=y')).toEqual({ error: message });
});

/** A request; what is undefined is left out. */
function form(
  variables: object | undefined,
  map: object | undefined,
  files: Record<string, string | Buffer<ArrayBuffer>>,
  operations = variables && JSON.stringify({ query: '{ a }', variables }),
): FormData {
  const data = new FormData();
  if (operations !== undefined) data.set('operations', operations);
  if (map) data.set('map', JSON.stringify(map));
  for (const [name, content] of Object.entries(files))
    data.set(name, new File([content], `${name}.txt`, { type: 'text/plain' }));
  return data;
}

async function send(url: string, body: FormData | string, contentType?: string): Promise<unknown> {
  const headers = typeof body === 'string' && contentType ? { 'content-type': contentType } : {};
  const response = await fetch(url, { method: 'POST', body, headers });
  return response.json();
}

function openFile(file: UploadedFile | undefined) {
  if (!file) throw new Error('expected a file among the variables, got none');
  return file.open();
}

async function describe(file: UploadedFile | undefined): Promise<Read> {
  const { content, ...rest } = await openFile(file);
  return { ...rest, text: String(await buffer(content)) };
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return error instanceof UserInputError ? error.code : `expected a UserInputError, got: ${String(error)}`;
}
