import sharp from 'sharp';
import { expect } from 'vitest';
import { FailPermanently } from '../../../src/core/errors.ts';
import { newId } from '../../../src/core/ids.ts';
import { resizeImage } from '../../../src/tasks/file.ts';
import { test } from '../../support/handler-context.ts';

type Format = 'jpeg' | 'png' | 'webp';

/** The left half is red, the right half blue. */
function picture(width: number, height: number) {
  const red = { create: { width: Math.ceil(width / 2), height, channels: 3, background: '#ff0000' } } as const;
  return sharp({ create: { width, height, channels: 3, background: '#0000ff' } }).composite([
    { input: red, left: 0, top: 0 },
  ]);
}

/** Opens a result; the handler has blocked what it does not need itself. */
function open(content: Buffer) {
  sharp.unblock({ operation: ['VipsForeignLoad'] });
  return sharp(content);
}

test.for(['jpeg', 'png', 'webp'] as const)('an image becomes a smaller %s', async (format, { workshop }) => {
  for (const from of ['jpeg', 'png', 'webp'] as Format[]) {
    const fileId = await workshop.upload(await picture(200, 100).toFormat(from).toBuffer(), `photo.of.me.${from}`);

    const { result, error } = await workshop.run(resizeImage, { fileId, width: 50, format });

    expect(error).toBeNull();
    const { row, content } = await workshop.read(result.fileId);
    expect(result).toEqual({ fileId: row.id, width: 50, height: 25, bytes: content.length, format });
    expect(row).toMatchObject({
      name: `photo.of.me.${format === 'jpeg' ? 'jpg' : format}`,
      contentType: `image/${format}`,
      size: content.length,
    });
    expect(await open(content).metadata()).toMatchObject({ width: 50, height: 25, format });
  }
  expect((await workshop.countFiles()).temporary).toBe(0);
});

test('with a height the image is cut evenly', async ({ workshop }) => {
  const fileId = await workshop.upload(await picture(200, 100).png().toBuffer());

  const { result } = await workshop.run(resizeImage, { fileId, width: 40, height: 60, format: 'png' });

  const { content } = await workshop.read(result.fileId);
  expect(result).toMatchObject({ width: 40, height: 60 });
  const { data } = await open(content).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  expect([...data.subarray(0, 3)]).toEqual([255, 0, 0]);
  expect([...data.subarray(39 * 3, 40 * 3)]).toEqual([0, 0, 255]);
});

test('an image is turned as its EXIF says, and its metadata is gone', async ({ workshop }) => {
  const source = await picture(200, 100)
    .withExif({ IFD0: { Copyright: 'Ada', Orientation: '6' }, IFD3: { GPSLatitude: '1/1 2/1 3/1' } })
    .withMetadata({ orientation: 6 })
    .jpeg()
    .toBuffer();
  expect(await open(source).metadata()).toMatchObject({ orientation: 6, exif: expect.any(Buffer) });

  const { result } = await workshop.run(resizeImage, {
    fileId: await workshop.upload(source),
    width: 50,
    format: 'jpeg',
  });

  const { content } = await workshop.read(result.fileId);
  expect(result).toMatchObject({ width: 50, height: 100 });
  const metadata = await open(content).metadata();
  expect(metadata).toMatchObject({ width: 50, height: 100 });
  expect([metadata.orientation, metadata.exif, metadata.xmp, metadata.iptc]).toEqual(Array(4).fill(undefined));
  // Turned by 90° to the right: what was left, red, is at the top.
  const { data } = await open(content).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  expect(data[0]).toBeGreaterThan(200);
  expect(data.at(-1)).toBeGreaterThan(200);
});

const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><image href="file:///etc/passwd"/></svg>';

test.for([
  ['text', () => Buffer.from('not an image')],
  ['nothing', () => Buffer.alloc(0)],
  ['SVG', () => Buffer.from(SVG)],
  ['GIF', () => picture(10, 10).gif().toBuffer()],
  ['TIFF', () => picture(10, 10).tiff().toBuffer()],
  ['the first half of a JPEG', async () => (await picture(500, 500).jpeg().toBuffer()).subarray(0, 1500)],
  ['the first half of a PNG', async () => (await picture(500, 500).png().toBuffer()).subarray(0, 300)],
] as const)('%s is not an image', async ([, source], { workshop }) => {
  const { error } = await workshop.run(resizeImage, {
    fileId: await workshop.upload(await source()),
    width: 5,
    format: 'png',
  });

  expect(error).toBeInstanceOf(FailPermanently);
  expect(error).toMatchObject({
    code: 'NOT_AN_IMAGE',
    message: expect.stringMatching(/^expected a JPEG, PNG or WebP image: /),
  });
  expect(await workshop.countFiles()).toEqual({ rows: 1, stored: 1, temporary: 0 });
});

test('a decompression bomb is refused by its header', async ({ workshop }) => {
  const bomb = await sharp({ create: { width: 20_000, height: 10_000, channels: 3, background: '#fff' } })
    .png({ compressionLevel: 1 })
    .toBuffer();
  const fileId = await workshop.upload(bomb);
  const start = process.memoryUsage.rss();

  const { error } = await workshop.run(resizeImage, { fileId, width: 5, format: 'png' });

  expect(error).toBeInstanceOf(FailPermanently);
  expect(error).toMatchObject({ code: 'IMAGE_TOO_LARGE' });
  expect(process.memoryUsage.rss() - start).toBeLessThan(100_000_000);
});

test('a result that would be too high is refused', async ({ workshop }) => {
  const fileId = await workshop.upload(await picture(2, 1000).png().toBuffer());

  const { error } = await workshop.run(resizeImage, { fileId, width: 100, format: 'png' });

  expect(error).toMatchObject({
    code: 'IMAGE_TOO_LARGE',
    message: 'expected a result that is at most 8000 pixels high, got: 50000',
  });
});

test('a result is at least one pixel high', async ({ workshop }) => {
  const fileId = await workshop.upload(await picture(1000, 2).png().toBuffer());

  const { result } = await workshop.run(resizeImage, { fileId, width: 10, format: 'png' });

  expect(result).toMatchObject({ width: 10, height: 1 });
});

test('an unknown file fails for good', async ({ workshop }) => {
  const { error } = await workshop.run(resizeImage, { fileId: newId(), width: 10, format: 'png' });

  expect(error).toMatchObject({ code: 'FILE_NOT_FOUND' });
});
