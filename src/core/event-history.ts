/** A stretch of the history of a task or a workflow, read at one moment. */
export interface History<E> {
  /** In the order of their sequence, without a hole. */
  events: E[];
  /** Whether there is more after these. */
  more: boolean;
  /** Whether the last of these events is the end. */
  ended: boolean;
  /** What a new subscriber gets first: how it is. */
  snapshot: E;
  /** The end, whether or not it is among these events; null while there is none. */
  terminal: E | null;
}
