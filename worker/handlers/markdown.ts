import MarkdownIt, { type Token } from 'markdown-it';

/** What is read as Markdown: CommonMark and tables, in which HTML stands for itself and links lead to no script. */
export interface Markdown {
  toHtml(text: string): string;
  toTokens(text: string): Token[];
}

/** With `breaks`, a line break in the text is one in the result. */
export function openMarkdown({ breaks = false }: { breaks?: boolean } = {}): Markdown {
  const parser = new MarkdownIt({ html: false, linkify: false, breaks });
  return { toHtml: (text) => parser.render(text), toTokens: (text) => parser.parse(text, {}) };
}

/** The text of the first heading. */
export function titleOf(tokens: readonly Token[]): string | undefined {
  const at = tokens.findIndex(({ type }) => type === 'heading_open');
  return at === -1 ? undefined : plainText(tokens[at + 1]).trim() || undefined;
}

/** What a reader sees of an inline token. */
export function plainText(token: Token | undefined): string {
  return (token?.children ?? []).map((child) => (child.type === 'softbreak' ? ' ' : child.content)).join('');
}
