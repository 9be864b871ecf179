import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect } from 'vitest';
import { type ApiClient, upload } from '../../support/api-client.ts';
import { test } from '../../support/taskwire.ts';

async function uploadFile(
  { url }: ApiClient,
  content: string | Uint8Array<ArrayBuffer>,
  name: string,
): Promise<string> {
  return ((await upload(url, content, name)) as any).file.id;
}

const ENQUEUE = `mutation ($image: ID!, $document: ID!) {
  resized: enqueueResizeImage(input: { fileId: $image, width: 10, format: webp }) { task { id } userErrors { message } }
  html: enqueueConvertDocument(input: { fileId: $document, format: html }) { task { id } userErrors { message } }
  pdf: enqueueConvertDocument(input: { fileId: $document, format: pdf }) { task { id } userErrors { message } }
  sorted: enqueueProcessFile(input: { fileId: $document, operation: SORT_LINES }) { task { id } userErrors { message } }
}`;

test('files are made in children, are stored, and leave no temporary ones', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  await taskwire.startWorker();
  const picture = await sharp({ create: { width: 40, height: 20, channels: 3, background: '#f00' } })
    .png()
    .toBuffer();
  const image = await uploadFile(client, new Uint8Array(picture), 'picture.png');
  const document = await uploadFile(client, '# One\n\n- two\n- three\n', 'notes.md');
  const broken = await uploadFile(client, 'no image', 'broken.png');

  const enqueued = await client.request(ENQUEUE, { image, document });
  const refused = await client.finished(
    await client.enqueue('resize-image', { fileId: broken, width: 5, format: 'png' }),
  );
  const ends = await Promise.all(Object.values(enqueued).map(({ task }: any) => client.finished(task.id)));

  expect(refused).toMatchObject({ state: 'FAILURE', attempt: 1, error: { code: 'NOT_AN_IMAGE', retryable: false } });
  const [resized, html, pdf, sorted] = ends.map(({ result }) => result);
  expect(resized).toMatchObject({ width: 10, height: 5, format: 'webp' });
  expect(html).toMatchObject({ format: 'html' });
  expect(pdf).toMatchObject({ format: 'pdf', pages: 1 });
  for (const { fileId, bytes } of [resized, html, pdf, sorted]) {
    const counted = await client.finished(await client.enqueue('process-large-file', { fileId }));
    expect(counted.result.bytes).toBe(bytes);
  }
  const all = await readdir(taskwire.environment['DATA_DIR'] ?? '', { recursive: true, withFileTypes: true });
  const files = all.filter((entry) => entry.isFile() && !entry.parentPath.includes(join('files')));
  expect(files).toEqual([]);
});
