import { inflateSync } from 'node:zlib';
import { expect } from 'vitest';
import { FailPermanently } from '../../../src/core/errors.ts';
import { convertDocument } from '../../../src/tasks/file.ts';
import { test, type Workshop } from '../../support/handler-context.ts';

const DOCUMENT = `Before it.

# The *first* heading

A paragraph with **bold**, *italic*, ***both***, \`code\` and a [link](https://example.com/?a=1&b=2).
Its second line.

- one
- two
  1. two point one
  2. two point two

> A quotation with a – dash and “quotes”.

\`\`\`js
const a = 1 < 2;
\`\`\`

| Name | Age |
|------|----:|
| Ada  | 36  |

---

<script>alert(1)</script> [evil](javascript:alert(1)) ![a picture](https://example.com/a.png)
`;

async function convert(workshop: Workshop, text: string | Uint8Array, format: 'html' | 'pdf') {
  const end = await workshop.run(convertDocument, { fileId: await workshop.upload(text, 'notes.md'), format });
  return { ...end, stored: end.result && (await workshop.read(end.result.fileId)) };
}

/** The text that a PDF shows, as far as its standard fonts go. */
function textOf(pdf: Buffer): string {
  const binary = pdf.toString('latin1');
  const streams = [...binary.matchAll(/stream\n([\s\S]*?)\nendstream/g)].map(([, body]) =>
    Buffer.from(body!, 'latin1'),
  );
  const inflated = streams.map((stream) => inflateSync(stream).toString('latin1'));
  return inflated
    .flatMap((content) => [...content.matchAll(/\[(.*?)\] TJ/g)].map(([, shown]) => shown!))
    .map((shown) =>
      [...shown.matchAll(/<([0-9a-f]*)>/g)].map(([, hex]) => Buffer.from(hex!, 'hex').toString('latin1')).join(''),
    )
    .join('\n');
}

test('a document becomes a complete and safe HTML page', async ({ workshop }) => {
  const { result, stored } = await convert(workshop, DOCUMENT, 'html');

  expect(result).toEqual({ fileId: stored.row.id, format: 'html', bytes: stored.content.length });
  expect(stored.row).toMatchObject({ name: 'notes.html', contentType: 'text/html;charset=utf-8' });
  const html = stored.content.toString();
  expect(html).toMatch(/^<!doctype html>\n/);
  expect(html).toMatch(/<\/html>\n$/);
  expect(html).toContain('<title>The first heading</title>');
  expect(html).toContain('<h1>The <em>first</em> heading</h1>');
  expect(html).toContain('<a href="https://example.com/?a=1&amp;b=2">link</a>');
  expect(html).toContain('<code class="language-js">const a = 1 &lt; 2;\n</code>');
  expect(html).toContain('<td style="text-align:right">36</td>');
  expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt; [evil](javascript:alert(1))');
  expect(html).not.toMatch(/<script|href="javascript/);
});

test('a document becomes a PDF', async ({ workshop }) => {
  const { result, stored } = await convert(workshop, DOCUMENT, 'pdf');

  expect(result).toEqual({ fileId: stored.row.id, format: 'pdf', bytes: stored.content.length, pages: 1 });
  expect(stored.row).toMatchObject({ name: 'notes.pdf', contentType: 'application/pdf' });
  expect(stored.content.subarray(0, 5).toString()).toBe('%PDF-');
  const binary = stored.content.toString('latin1');
  for (const font of ['Helvetica', 'Helvetica-Bold', 'Helvetica-Oblique', 'Helvetica-BoldOblique', 'Courier']) {
    expect(binary).toContain(`/BaseFont /${font}\n`);
  }
  expect(binary).toContain('/URI (https://example.com/?a=1&b=2)');
  expect(binary).not.toContain('/URI (javascript');
  const text = textOf(stored.content);
  for (const part of ['Before it.', 'first', 'both', 'two point two', 'const a = 1 < 2;', 'Ada', '36', '<script>']) {
    expect(text).toContain(part);
  }
});

test('a long document has pages', async ({ workshop }) => {
  const { result } = await convert(workshop, `${'- an item\n'.repeat(300)}\n${'A paragraph.\n\n'.repeat(300)}`, 'pdf');

  expect(result.pages).toBeGreaterThan(10);
  expect(result.pages).toBeLessThan(30);
});

test.for(['a', '[', 'é'])('a megabyte of %j takes no minute', async (letter, { workshop }) => {
  const { result, error } = await convert(workshop, letter.repeat(2 ** 20 / Buffer.byteLength(letter)), 'pdf');

  expect(error).toBeNull();
  expect(result.pages).toBeGreaterThan(100);
});

test('what the fonts do not have becomes a question mark', async ({ workshop }) => {
  const { stored } = await convert(workshop, '日本 é €', 'pdf');

  expect(textOf(stored.content)).toMatch(/\?\? é \x80/);
});

test.for(['html', 'pdf'] as const)('an empty document becomes an empty %s', async (format, { workshop }) => {
  const { result, error } = await convert(workshop, '', format);

  expect(error).toBeNull();
  expect(result.pages).toBe(format === 'pdf' ? 1 : undefined);
});

test('a document that is no UTF-8 fails for good', async ({ workshop }) => {
  const { error } = await convert(workshop, Buffer.from('caf\xe9', 'latin1'), 'html');

  expect(error).toBeInstanceOf(FailPermanently);
  expect(error).toMatchObject({ code: 'NOT_TEXT' });
});

test('a document that is too large fails for good and leaves nothing', async ({ workshop }) => {
  const { error } = await convert(workshop, Buffer.alloc(2 ** 20 + 1, 'a'), 'pdf');

  expect(error).toBeInstanceOf(FailPermanently);
  expect(error).toMatchObject({ code: 'FILE_TOO_LARGE' });
  expect(await workshop.countFiles()).toEqual({ rows: 1, stored: 1, temporary: 0 });
});
