import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { ConfigurationError, FileNotFoundError, ServiceUnavailableError } from '../core/errors.ts';
import { isPostgresUnavailable } from '../db/unavailable.ts';
import { FILES_PATH } from '../operations/download-links.ts';
import { readStoredFile } from '../operations/read-file.ts';
import type { ServiceResources } from '../operations/resources.ts';
import { sendJson } from './health.ts';

type FileResources = Pick<ServiceResources, 'files' | 'orm' | 'links' | 'logger'>;

const REFUSALS = {
  wrong: [403, 'this link is not one of ours; ask for a new one (StoredFile.downloadUrl)'],
  expired: [410, 'this link has expired; ask for a new one (StoredFile.downloadUrl)'],
} as const;

/** Sends a stored file to whoever has a signed link to it: 403 for a wrong one, 410 for an old one, 404 without a file. */
export async function serveFile(resources: FileResources, req: IncomingMessage, res: ServerResponse): Promise<void> {
  if (req.method !== 'GET' && req.method !== 'HEAD') {
    res.setHeader('allow', 'GET, HEAD');
    return sendJson(res, 405, { error: `expected GET or HEAD, got: ${req.method}` });
  }
  try {
    const { id, expires, signature } = partsOf(req.url ?? '');
    const verdict = await resources.links.check(id, expires, signature, Date.now());
    if (verdict === 'valid') return await sendFile(resources, id, req.method === 'HEAD', res);
    const [status, error] = REFUSALS[verdict];
    sendJson(res, status, { error });
  } catch (error) {
    refuse(resources, res, error);
  }
}

function partsOf(url: string): { id: string; expires: string; signature: string } {
  const [path = '', query = ''] = url.split('?', 2);
  const parameters = new URLSearchParams(query);
  return {
    id: path.slice(FILES_PATH.length),
    expires: parameters.get('expires') ?? '',
    signature: parameters.get('signature') ?? '',
  };
}

/** As a download, whatever it is: a browser must not take what somebody uploaded for a page of ours. */
async function sendFile(resources: FileResources, id: string, headOnly: boolean, res: ServerResponse): Promise<void> {
  const { row, content } = await readStoredFile(resources, id);
  res.writeHead(200, {
    'content-type': row.contentType,
    'content-length': row.size,
    'content-disposition': dispositionOf(row.name),
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
    'cache-control': 'private, no-store',
  });
  if (headOnly) {
    content.destroy();
    res.end();
  } else {
    await pipeline(content, res);
  }
}

/** RFC 6266: the name in ASCII for old clients, and in full as RFC 8187 writes it. */
function dispositionOf(name: string): string {
  const plain = name.replace(/[^\u0020-\u007e]|["%\\]/g, '_');
  const full = encodeURIComponent(name).replace(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16)}`);
  return `attachment; filename="${plain}"; filename*=UTF-8''${full}`;
}

function refuse({ logger }: FileResources, res: ServerResponse, error: unknown): void {
  if (res.headersSent) {
    logger.debug({ err: error }, 'a download broke off');
    res.destroy();
  } else if (error instanceof FileNotFoundError) {
    sendJson(res, 404, { error: error.message });
  } else if (error instanceof ConfigurationError || isUnavailable(error)) {
    logger.warn({ err: error }, 'a download is not possible');
    sendJson(res, 503, { error: 'downloads are not possible right now; the log of the service tells why' });
  } else {
    logger.error({ err: error }, 'a download failed');
    sendJson(res, 500, { error: 'something went wrong in the service; its log tells what' });
  }
}

function isUnavailable(error: unknown): boolean {
  return error instanceof ServiceUnavailableError || isPostgresUnavailable(error);
}
