/** What a subscription looks at of an event. */
interface Sequenced {
  sequence: number;
}

/** The most live events that wait for a slow reader; past it they are dropped and read from Postgres later. */
const BUFFER_MAX = 64;

/**
 * One subscriber of one task or workflow: a cursor and a bounded buffer. It hands on a live event only when that is the very next one;
 * anything else makes it ask for a read from Postgres.
 */
export class EventSubscription<E extends Sequenced> {
  readonly id: string;
  /** The last sequence that was delivered. */
  cursor: number;
  /** Whether the end was delivered. */
  ended = false;
  closed = false;
  readonly #isEnd: (event: E) => boolean;
  #buffer: E[] = [];
  #mustRead = false;
  #wake: (() => void) | undefined;

  constructor(id: string, after: number, isEnd: (event: E) => boolean) {
    this.id = id;
    this.cursor = after;
    this.#isEnd = isEnd;
  }

  /** A live event has come. */
  push(event: E): void {
    if (event.sequence <= this.cursor) return;
    if (this.#buffer.length >= BUFFER_MAX) return this.reread();
    this.#buffer.push(event);
    this.#wake?.();
  }

  /** What is buffered is not to be trusted to be all. */
  reread(): void {
    this.#buffer = [];
    this.#mustRead = true;
    this.#wake?.();
  }

  /** It has got as far as `sequence`. */
  catchUpTo(sequence: number): void {
    const newest = this.#buffer.at(-1)?.sequence ?? this.cursor;
    if (sequence > newest) this.reread();
  }

  /** Everything up to `sequence` was delivered. */
  advance(sequence: number, ended: boolean): void {
    this.cursor = sequence;
    this.ended = ended;
  }

  close(): void {
    this.closed = true;
    this.#wake?.();
  }

  /** The next event, or what to do instead; waits for it. */
  async next(): Promise<E | 'reread' | 'closed'> {
    for (;;) {
      if (this.closed) return 'closed';
      if (this.#mustRead) {
        this.#mustRead = false;
        return 'reread';
      }
      const event = this.#buffer.shift();
      if (event === undefined) await this.#woken();
      else if (event.sequence > this.cursor + 1) this.reread();
      else if (event.sequence === this.cursor + 1) return this.#take(event);
    }
  }

  #take(event: E): E | 'reread' {
    this.advance(event.sequence, this.#isEnd(event));
    return event;
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }
}
