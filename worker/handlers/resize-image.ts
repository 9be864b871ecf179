import { Readable } from 'node:stream';
import type { Metadata, Sharp, SharpOptions } from 'sharp';
import type { Payload } from '../../src/core/define-task.ts';
import { FailPermanently, messageOf } from '../../src/core/errors.ts';
import type { resizeImage as contract } from '../../src/tasks/file.ts';
import type { TaskHandler } from '../task-handler.ts';
import { fetchSource, storeOutcome } from './source-file.ts';

/** An image that has more is a decompression bomb, or was meant for a printer: 400 MB decoded. */
const PIXELS_MAX = 100_000_000;
const SOURCE_LIMIT = { maxBytes: 100 * 2 ** 20, code: 'IMAGE_TOO_LARGE' };
const SIDE_MAX = 8000;
/** Below the hard limit of the task, so that it fails with what it did. */
const TIMEOUT_SECONDS = 50;
/** Of libvips: it has others, for SVG, PDF and more, that a stranger's file shall not reach. */
const LOADERS = ['Jpeg', 'Png', 'Webp'].map((format) => `VipsForeignLoad${format}File`);
const FORMATS: readonly string[] = ['jpeg', 'png', 'webp'];

const OPTIONS: SharpOptions = { limitInputPixels: PIXELS_MAX, failOn: 'error', sequentialRead: true };

/**
 * Resizes an image, turned as its EXIF orientation says. The result has no metadata: not where and with what it was taken.
 * Of an animated image it shows the first frame.
 *
 * Fails for good with FILE_NOT_FOUND, NOT_AN_IMAGE for what is no whole JPEG, PNG or WebP image, and IMAGE_TOO_LARGE for
 * one with too many bytes or pixels, or when the result would be higher than 8,000 pixels.
 */
export const resizeImage: TaskHandler<typeof contract> = async ({ fileId, width, height, format }, context) => {
  const { row, path } = await fetchSource(context, fileId, SOURCE_LIMIT);
  const open = await openSharp();
  requireResultInBounds(await readSize(open(path)), { width, height });
  const resized = open(path)
    .autoOrient()
    .resize({ width, ...(height !== undefined && { height }), fit: 'cover' })
    .toFormat(format)
    .timeout({ seconds: TIMEOUT_SECONDS });
  const { data, info } = await resized.toBuffer({ resolveWithObject: true }).catch(failForGood);
  const { id, size } = await storeOutcome(context, {
    sourceName: row.name,
    extension: format === 'jpeg' ? 'jpg' : format,
    contentType: `image/${format}`,
    content: Readable.from([data]),
  });
  return { fileId: id, width: info.width, height: info.height, bytes: size, format };
};

/** It is loaded where an image is resized only, which takes a native library. */
async function openSharp(): Promise<(path: string) => Sharp> {
  const { default: sharp } = await import('sharp');
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: LOADERS });
  sharp.cache(false);
  sharp.concurrency(1);
  return (path) => sharp(path, OPTIONS);
}

interface Size {
  width: number;
  height: number;
}

/** Reads the header only. */
async function readSize(image: Sharp): Promise<Size> {
  const { format, autoOrient }: Metadata = await image.metadata().catch(failForGood);
  if (!FORMATS.includes(format)) throw notAnImage(`got: ${format}`);
  if (autoOrient.width * autoOrient.height > PIXELS_MAX) {
    throw tooLarge(`an image of at most ${PIXELS_MAX} pixels`, `${autoOrient.width} × ${autoOrient.height}`);
  }
  return autoOrient;
}

function requireResultInBounds(source: Size, wished: Pick<Payload<typeof contract>, 'width' | 'height'>): void {
  const height = wished.height ?? Math.round((source.height * wished.width) / source.width);
  if (height > SIDE_MAX) throw tooLarge(`a result that is at most ${SIDE_MAX} pixels high`, height);
}

/** What libvips says of a file is the file's fault: memory it does not run out of, that ends the process. */
function failForGood(error: unknown): never {
  const message = messageOf(error);
  if (/pixel limit|too large|exceeds/i.test(message))
    throw tooLarge(`an image of at most ${PIXELS_MAX} pixels`, message);
  if (/timeout/i.test(message)) throw error;
  throw notAnImage(message);
}

function notAnImage(reason: string): FailPermanently {
  return new FailPermanently('NOT_AN_IMAGE', `expected a JPEG, PNG or WebP image: ${reason}`);
}

function tooLarge(expected: string, got: string | number): FailPermanently {
  return new FailPermanently('IMAGE_TOO_LARGE', `expected ${expected}, got: ${got}`);
}
