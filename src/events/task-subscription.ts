import type { TaskEvent } from '../core/task-event.ts';
import { isTerminal } from '../core/task-state.ts';

/** The most live events that wait for a slow reader; past it they are dropped and read from Postgres later. */
const BUFFER_MAX = 64;

/**
 * One subscriber of one task: a cursor and a bounded buffer. It hands on a live event only when that is the very next one;
 * anything else makes it ask for a read from Postgres.
 */
export class TaskSubscription {
  readonly taskId: string;
  /** The last sequence that was delivered. */
  cursor: number;
  /** Whether the task's end was delivered. */
  ended = false;
  closed = false;
  #buffer: TaskEvent[] = [];
  #mustRead = false;
  #wake: (() => void) | undefined;

  constructor(taskId: string, after: number) {
    this.taskId = taskId;
    this.cursor = after;
  }

  /** A live event has come. */
  push(event: TaskEvent): void {
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

  /** The task has got as far as `sequence`. */
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
  async next(): Promise<TaskEvent | 'reread' | 'closed'> {
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

  #take(event: TaskEvent): TaskEvent | 'reread' {
    this.advance(event.sequence, isTerminal(event.state));
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
