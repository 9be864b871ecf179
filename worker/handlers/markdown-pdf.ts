import type { Readable } from 'node:stream';
import type { Token } from 'markdown-it';
import PdfDocument from 'pdfkit';
import { plainText } from './markdown.ts';

/** Lengths are in points. */
const MARGIN = 64;
const INDENT = 20;
const TEXT_SIZE = 11;
const CODE_SIZE = 9;
const HEADING_SIZES = [24, 19, 16, 14, 12, 11];
const GAP = 8;
const INK = '#18181b';
const GREY = '#52525b';
const LINK = '#1d4ed8';

/** Windows-1252, which the standard fonts have. */
const NOT_IN_FONT =
  /[^\n\u0020-\u007e\u00a0-\u00ff\u20ac\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u017d\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u017e\u0178]/gu;

const LONG_WORD = /\S{80}(?=\S)/g;

/** A piece of a paragraph that looks the same. */
interface Run {
  text: string;
  bold: boolean;
  italic: boolean;
  code: boolean;
  link: string | null;
}

interface List {
  /** Of the next item; null for bullets. */
  next: number | null;
}

/** Writes a document; the content begins to flow when it is read. */
export function writePdf(tokens: readonly Token[], title: string): { content: Readable; pages: number } {
  const writer = new PdfWriter(title);
  writer.write(tokens);
  return writer.finish();
}

class PdfWriter {
  readonly #document: PDFKit.PDFDocument;
  #pages = 0;
  readonly #lists: List[] = [];
  #quotes = 0;
  #headingSize: number | null = null;
  /** What stands before the first paragraph of a list item. */
  #marker: string | null = null;
  #row: string[] = [];
  #rows: string[][] = [];

  constructor(title: string) {
    this.#document = new PdfDocument({
      size: 'A4',
      margin: MARGIN,
      autoFirstPage: false,
      info: { Title: title.replace(NOT_IN_FONT, '?') },
    });
    this.#document.on('pageAdded', () => (this.#pages += 1));
    this.#document.addPage();
  }

  write(tokens: readonly Token[]): void {
    for (const [at, token] of tokens.entries()) this.#block(token, tokens[at - 1]);
  }

  finish(): { content: Readable; pages: number } {
    this.#document.end();
    return { content: this.#document, pages: this.#pages };
  }

  #block(token: Token, before: Token | undefined): void {
    switch (token.type) {
      case 'heading_open':
        this.#headingSize = HEADING_SIZES[Number(token.tag.slice(1)) - 1] ?? TEXT_SIZE;
        return this.#gap(GAP);
      case 'heading_close':
        this.#headingSize = null;
        return;
      case 'bullet_list_open':
        return void this.#lists.push({ next: null });
      case 'ordered_list_open':
        return void this.#lists.push({ next: Number(token.attrs?.find(([name]) => name === 'start')?.[1] ?? 1) });
      case 'bullet_list_close':
      case 'ordered_list_close':
        this.#lists.pop();
        return this.#lists.length === 0 ? this.#gap(GAP / 2) : undefined;
      case 'list_item_open':
        this.#marker = this.#nextMarker();
        return;
      case 'list_item_close':
        this.#marker = null;
        return;
      case 'blockquote_open':
        this.#quotes += 1;
        return;
      case 'blockquote_close':
        this.#quotes -= 1;
        return;
      case 'inline':
        return this.#inline(token, before);
      case 'fence':
      case 'code_block':
        return this.#code(token.content);
      case 'hr':
        return this.#rule();
      case 'tr_close':
        this.#rows.push(this.#row);
        this.#row = [];
        return;
      case 'table_close':
        return this.#table();
    }
  }

  #inline(token: Token, before: Token | undefined): void {
    if (before?.type === 'th_open' || before?.type === 'td_open') {
      this.#row.push(printable(plainText(token)));
      return;
    }
    this.#paragraph(runsOf(token.children ?? [], this.#headingSize !== null));
    if (before?.hidden !== true) this.#gap(GAP);
    else this.#gap(GAP / 4);
  }

  #paragraph(runs: readonly Run[]): void {
    const size = this.#headingSize ?? TEXT_SIZE;
    const { left, width } = this.#column();
    this.#ensureRoomFor(size);
    this.#drawMarker(left, size);
    const document = this.#document;
    document.x = left;
    for (const [at, run] of runs.entries()) {
      const style = { continued: at < runs.length - 1, link: run.link, underline: run.link !== null, width };
      document.font(fontOf(run)).fontSize(run.code ? size * 0.9 : size);
      document.fillColor(run.link === null ? this.#ink() : LINK).text(run.text, style);
    }
  }

  #drawMarker(left: number, size: number): void {
    if (this.#marker === null) return;
    const { y } = this.#document;
    const options = { lineBreak: false, width: INDENT + MARGIN, align: 'left' } as const;
    this.#document.font('Helvetica').fontSize(size).fillColor(this.#ink());
    const width = this.#document.widthOfString(this.#marker);
    this.#document.text(this.#marker, left - 6 - width, y, options);
    this.#document.y = y;
    this.#marker = null;
  }

  #code(content: string): void {
    const { left, width } = this.#column();
    this.#ensureRoomFor(CODE_SIZE);
    this.#document.font('Courier').fontSize(CODE_SIZE).fillColor(INK);
    this.#document.text(printable(content.replace(/\n$/, '').replaceAll('\t', '    ')), left + GAP, undefined, {
      width: width - GAP,
      align: 'left',
    });
    this.#gap(GAP);
  }

  #rule(): void {
    const { left, width } = this.#column();
    this.#ensureRoomFor(GAP);
    const y = this.#document.y + GAP / 2;
    this.#document
      .moveTo(left, y)
      .lineTo(left + width, y)
      .strokeColor(GREY)
      .lineWidth(0.5)
      .stroke();
    this.#gap(2 * GAP);
  }

  #table(): void {
    const { left, width } = this.#column();
    this.#document
      .font('Helvetica')
      .fontSize(TEXT_SIZE - 1)
      .fillColor(INK);
    this.#document.x = left;
    this.#document.table({ maxWidth: width, data: this.#rows });
    this.#rows = [];
    this.#gap(GAP);
  }

  /** Nested deeper than eight times it gets no narrower. */
  #column(): { left: number; width: number } {
    const left = MARGIN + INDENT * Math.min(8, this.#lists.length + this.#quotes);
    return { left, width: this.#document.page.width - MARGIN - left };
  }

  #ink(): string {
    return this.#quotes > 0 ? GREY : INK;
  }

  #nextMarker(): string {
    const list = this.#lists.at(-1);
    if (!list || list.next === null) return '\u2022';
    list.next += 1;
    return `${list.next - 1}.`;
  }

  #gap(points: number): void {
    this.#document.y += points;
  }

  /** A line that does not fit begins the next page together with its marker. */
  #ensureRoomFor(size: number): void {
    const { page, y } = this.#document;
    if (y + size * 1.3 > page.height - MARGIN) this.#document.addPage();
  }
}

function fontOf({ bold, italic, code }: Run): string {
  const style = `${bold ? 'Bold' : ''}${italic ? 'Oblique' : ''}`;
  return `${code ? 'Courier' : 'Helvetica'}${style && '-'}${style}`;
}

function runsOf(tokens: readonly Token[], isHeading: boolean): Run[] {
  const runs: Run[] = [];
  let bold = isHeading ? 1 : 0;
  let italic = 0;
  let link: string | null = null;
  const add = (text: string, code = false) => {
    const run = { text, bold: bold > 0, italic: italic > 0, code, link };
    const last = runs.at(-1);
    if (last && looksSame(last, run)) last.text += text;
    else if (text !== '') runs.push(run);
  };
  for (const token of tokens) {
    switch (token.type) {
      case 'strong_open':
      case 'strong_close':
        bold += token.nesting;
        break;
      case 'em_open':
      case 'em_close':
        italic += token.nesting;
        break;
      case 'link_open':
        link = safeLink(token.attrs?.find(([name]) => name === 'href')?.[1]);
        break;
      case 'link_close':
        link = null;
        break;
      case 'softbreak':
        add(' ');
        break;
      case 'hardbreak':
        add('\n');
        break;
      default:
        add(token.content, token.type === 'code_inline');
    }
  }
  return runs.map((run) => ({ ...run, text: printable(run.text) }));
}

function looksSame(one: Run, other: Run): boolean {
  return one.bold === other.bold && one.italic === other.italic && one.code === other.code && one.link === other.link;
}

/** A relative link leads nowhere from a PDF. */
function safeLink(href: string | number | undefined): string | null {
  return typeof href === 'string' && /^(https?:\/\/|mailto:)/i.test(href) ? href : null;
}

/** A word that fits on no line is broken here: the library takes quadratic time for it. */
function printable(text: string): string {
  return text.normalize('NFC').replace(NOT_IN_FONT, '?').replace(LONG_WORD, '$&\n');
}
