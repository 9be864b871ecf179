import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { newId } from '../../src/core/ids.ts';
import { DownloadLinks } from '../../src/operations/download-links.ts';
import { upload } from '../support/api-client.ts';
import { type RunningApi, type Taskwire, test } from '../support/taskwire.ts';

const SECRET = 'a secret of at least 32 characters';
const HOUR_MS = 3_600_000;

function linksOf(taskwire: Taskwire): DownloadLinks {
  return new DownloadLinks({
    signingSecret: SECRET,
    dataDir: taskwire.environment['DATA_DIR'] ?? '',
    production: false,
  });
}

function fetchPath({ client }: RunningApi, path: string, init?: RequestInit): Promise<Response> {
  return fetch(new URL(path, client.url), init);
}

async function store({ client }: RunningApi, content: string, name?: string): Promise<{ id: string; name: string }> {
  return (await upload(client.url, content, name))?.['file'];
}

async function askForFile({ client }: RunningApi, id: string) {
  return (await client.request('query ($id: ID!) { file(id: $id) { name size downloadUrl } }', { id })).file;
}

test('a stored file is fetched by the link that the API gives, as a download', async ({ taskwire }) => {
  const api = await taskwire.startApi({ SIGNING_SECRET: SECRET });
  const content = 'x'.repeat(300_000);
  const file = await store(api, content, `Bericht „Juli' 100%.txt`);

  const { downloadUrl, ...found } = await askForFile(api, file.id);
  const response = await fetchPath(api, downloadUrl);

  expect(found).toEqual({ name: file.name, size: 300_000 });
  expect(downloadUrl).toMatch(new RegExp(`^/files/${file.id}\\?expires=\\d+&signature=[\\w-]{43}$`));
  expect(response.status).toBe(200);
  expect(await response.text()).toBe(content);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'text/plain',
    'content-length': '300000',
    'x-content-type-options': 'nosniff',
    'cache-control': 'private, no-store',
    'content-disposition': `attachment; filename="Bericht _Juli' 100_.txt"; filename*=UTF-8''Bericht%20%E2%80%9EJuli%27%20100%25.txt`,
  });
});

test('HEAD answers without the content, other methods are refused', async ({ taskwire }) => {
  const api = await taskwire.startApi({ SIGNING_SECRET: SECRET });
  const file = await store(api, 'content');
  const { downloadUrl } = await askForFile(api, file.id);

  const head = await fetchPath(api, downloadUrl, { method: 'HEAD' });
  const post = await fetchPath(api, downloadUrl, { method: 'POST' });

  expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '7', '']);
  expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
});

test('a link that was changed in any part is refused', async ({ taskwire }) => {
  const api = await taskwire.startApi({ SIGNING_SECRET: SECRET });
  const one = await store(api, 'one');
  const other = await store(api, 'other');
  const { downloadUrl } = await askForFile(api, one.id);
  const changed = (parameter: string, value: string) => {
    const url = new URL(downloadUrl, api.client.url);
    url.searchParams.set(parameter, value);
    return url.pathname + url.search;
  };
  const links = [
    downloadUrl.replace(one.id, other.id),
    downloadUrl.replace(one.id, one.id.toUpperCase()),
    changed('expires', '9999999999'),
    changed('expires', `${/expires=(\d+)/.exec(downloadUrl)?.[1]}.0`),
    changed('signature', 'A'.repeat(43)),
    changed('signature', ''),
    `/files/${one.id}`,
    '/files/',
    '/files/../../etc/passwd',
    '/files/%00?expires=%ff',
  ];

  const statuses = await Promise.all(links.map(async (path) => (await fetchPath(api, path)).status));

  expect(statuses).toEqual(links.map((path) => (path.includes('passwd') ? 404 : 403)));
});

test('a link is good for an hour', async ({ taskwire }) => {
  const api = await taskwire.startApi({ SIGNING_SECRET: SECRET });
  const file = await store(api, 'content');
  const links = linksOf(taskwire);

  const old = await fetchPath(api, await links.linkTo(file.id, Date.now() - HOUR_MS - 1000));
  const young = await fetchPath(api, await links.linkTo(file.id, Date.now() - HOUR_MS + 60_000));

  expect([old.status, young.status]).toEqual([410, 200]);
  expect(await old.json()).toEqual({ error: expect.stringContaining('has expired') });
});

test('a right link to a file that is not there is answered with 404', async ({ taskwire }) => {
  const api = await taskwire.startApi({ SIGNING_SECRET: SECRET });

  const unknown = await fetchPath(api, await linksOf(taskwire).linkTo(newId(), Date.now()));

  expect(unknown.status).toBe(404);
  expect(await askForFile(api, newId())).toBe(null);
  expect(await askForFile(api, 'no-id')).toBe(null);
});

test('without a secret, all processes on a data folder share a random one', async ({ taskwire }) => {
  const [one, other] = await Promise.all([taskwire.startApi(), taskwire.startApi()]);
  const file = await store(one, 'content');

  const [first, second] = await Promise.all([askForFile(one, file.id), askForFile(other, file.id)]);

  expect((await fetchPath(other, first.downloadUrl)).status).toBe(200);
  expect((await fetchPath(one, second.downloadUrl)).status).toBe(200);
  const kept = join(taskwire.environment['DATA_DIR'] ?? '', 'signing-secret');
  expect((await stat(kept)).mode & 0o077).toBe(0);
  expect(await readFile(kept, 'utf8')).toHaveLength(43);
  await rm(kept);
});

test('in production links need a configured secret, and the error says so', async ({ taskwire }) => {
  const api = await taskwire.startApi({ NODE_ENV: 'production' });
  const file = await store(api, 'content');

  const { errors } = await api.client.send('query ($id: ID!) { file(id: $id) { downloadUrl } }', { id: file.id });

  expect(errors).toMatchObject([{ extensions: { code: 'CONFIGURATION' } }]);
  expect(errors?.[0]?.message).toContain('SIGNING_SECRET: expected a secret, as download links are asked for');
  expect((await fetchPath(api, `/files/${file.id}?expires=9999999999&signature=x`)).status).toBe(503);
});
