import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Eta } from 'eta';
import { FailPermanently } from '../../src/core/errors.ts';
import type { convertDocument as contract } from '../../src/tasks/file.ts';
import type { TaskHandler } from '../task-handler.ts';
import { type Markdown, openMarkdown, titleOf } from './markdown.ts';
import { fetchSource, storeOutcome } from './source-file.ts';

const SOURCE_MAX_BYTES = 2 ** 20;

const templates = new Eta({ views: join(import.meta.dirname, 'templates'), cache: true });

interface Source {
  markdown: Markdown;
  text: string;
  title: string;
}

/**
 * Converts a Markdown document. HTML in it is shown as text, and no link leads to a script. A PDF has the fonts that every
 * reader has: what is not in Windows-1252 becomes a question mark, and images become their descriptions.
 *
 * Fails for good with FILE_NOT_FOUND, FILE_TOO_LARGE above 1 MiB, and NOT_TEXT for what is no UTF-8.
 */
export const convertDocument: TaskHandler<typeof contract> = async ({ fileId, format }, context) => {
  const { row, path } = await fetchSource(context, fileId, { maxBytes: SOURCE_MAX_BYTES });
  const text = decode(await readFile(path));
  const markdown = openMarkdown();
  const source = { markdown, text, title: titleOf(markdown.toTokens(text)) ?? row.name };
  const { content, pages } = format === 'html' ? toHtml(source) : await toPdf(source);
  const { id, size } = await storeOutcome(context, {
    sourceName: row.name,
    extension: format,
    contentType: format === 'html' ? 'text/html;charset=utf-8' : 'application/pdf',
    content,
  });
  return { fileId: id, format, bytes: size, ...(pages !== undefined && { pages }) };
};

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new FailPermanently('NOT_TEXT', 'expected a document of UTF-8 text, got other bytes', { cause: error });
  }
}

interface Converted {
  content: Readable;
  pages?: number;
}

function toHtml({ markdown, text, title }: Source): Converted {
  const html = templates.render('document.html.eta', { title, body: markdown.toHtml(text) });
  return { content: Readable.from([Buffer.from(html)]) };
}

/** The writer is loaded where a PDF is made only. */
async function toPdf({ markdown, text, title }: Source): Promise<Converted> {
  const { writePdf } = await import('./markdown-pdf.ts');
  return writePdf(markdown.toTokens(text), title);
}
