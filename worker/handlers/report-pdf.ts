import PdfDocument from 'pdfkit';
import type { Bar, Cell, ReportSource } from './report-sources.ts';

const MARGIN = 40;
const ROW_HEIGHT = 14;
const FONT_SIZE = 8;
/** Of Helvetica, as a part of its size; wider letters run into the gap between columns. */
const LETTER_WIDTH = 0.55;
const COLUMN_GAP = 6;
const COLOURS = { line: '#bbbbbb', header: '#eeeeee', bar: '#3b6ea5', text: '#111111' };
const CHART = { labelWidth: 130, valueWidth: 60, barHeight: 10, step: 15 };

/** A PDF that is written while its rows come: the title, the table over as many pages as it takes, a note and a chart. */
export class ReportPdf {
  readonly #doc = new PdfDocument({ size: 'A4', layout: 'landscape', margin: MARGIN, autoFirstPage: false });
  readonly #source: Pick<ReportSource, 'columns' | 'title' | 'chartTitle'>;
  #y = 0;

  constructor(source: Pick<ReportSource, 'columns' | 'title' | 'chartTitle'>) {
    this.#source = source;
    this.#doc.info.Title = source.title;
    this.#addPage();
    this.#write(source.title, 16, 24);
    this.#writeHeader();
  }

  addRows(rows: readonly Cell[][]): void {
    for (const row of rows) {
      if (this.#makeRoom(ROW_HEIGHT)) this.#writeHeader();
      this.#writeRow(row);
    }
  }

  /** What is written and not taken yet. */
  *take(): Generator<Buffer> {
    for (;;) {
      const chunk: Buffer | null = this.#doc.read();
      if (chunk === null) return;
      yield chunk;
    }
  }

  /** Writes the end, and gives the rest of the file. */
  async *finish(note: string | undefined, bars: readonly Bar[]): AsyncGenerator<Buffer> {
    if (note !== undefined) {
      this.#makeRoom(2 * ROW_HEIGHT);
      this.#y += ROW_HEIGHT / 2;
      this.#write(note, FONT_SIZE + 2, ROW_HEIGHT);
    }
    this.#drawChart(bars);
    this.#doc.end();
    yield* this.#doc as AsyncIterable<Buffer>;
  }

  #drawChart(bars: readonly Bar[]): void {
    if (bars.length === 0) return;
    const { labelWidth, valueWidth, barHeight, step } = CHART;
    this.#makeRoom(3 * ROW_HEIGHT + bars.length * step);
    this.#y += ROW_HEIGHT;
    this.#write(this.#source.chartTitle, 12, 2 * ROW_HEIGHT);
    const most = Math.max(1, ...bars.map(({ value }) => value));
    const longest = this.#width - labelWidth - valueWidth;
    for (const { label, value } of bars) {
      const length = Math.max(1, (longest * value) / most);
      this.#text(label, MARGIN, labelWidth - COLUMN_GAP);
      this.#doc.rect(MARGIN + labelWidth, this.#y, length, barHeight).fill(COLOURS.bar);
      this.#text(String(value), MARGIN + labelWidth + length + COLUMN_GAP, valueWidth);
      this.#y += step;
    }
  }

  #writeHeader(): void {
    this.#doc.rect(MARGIN, this.#y - 3, this.#width, ROW_HEIGHT).fill(COLOURS.header);
    this.#writeRow(this.#source.columns);
  }

  #writeRow(cells: readonly Cell[]): void {
    const width = this.#width / this.#source.columns.length;
    cells.forEach((cell, at) => this.#text(String(cell ?? ''), MARGIN + at * width + 2, width - COLUMN_GAP));
    this.#y += ROW_HEIGHT;
    this.#doc
      .moveTo(MARGIN, this.#y - 3)
      .lineTo(MARGIN + this.#width, this.#y - 3)
      .lineWidth(0.5)
      .stroke(COLOURS.line);
  }

  #write(text: string, size: number, height: number): void {
    this.#text(text, MARGIN, this.#width, size);
    this.#y += height;
  }

  /** On one line, cut to the width. */
  #text(text: string, x: number, width: number, size = FONT_SIZE): void {
    const shown = cut(toWinAnsi(text), Math.floor(width / (size * LETTER_WIDTH)));
    this.#doc.fontSize(size).fillColor(COLOURS.text).text(shown, x, this.#y, { lineBreak: false });
  }

  /** Begins a page when the height is not left; answers whether it did. */
  #makeRoom(height: number): boolean {
    if (this.#y + height <= this.#doc.page.height - MARGIN) return false;
    this.#addPage();
    return true;
  }

  #addPage(): void {
    this.#doc.addPage();
    this.#y = MARGIN;
  }

  get #width(): number {
    return this.#doc.page.width - 2 * MARGIN;
  }
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, Math.max(0, length - 3))}...` : text;
}

/** The letters that every PDF reader has without an embedded font; others become question marks. */
function toWinAnsi(text: string): string {
  return text.replace(/[^\u0020-\u007e\u00a0-\u00ff]/gu, '?');
}
