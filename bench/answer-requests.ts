/** What a process of the benchmark can be asked to do, by name. The answer must survive JSON. */
export type Answers = Record<string, (input: never) => unknown>;

interface Request {
  id: number;
  type: string;
  input: never;
}

/** Answers the requests of the benchmark, which has started this process. */
export function answerRequests(answers: Answers): void {
  process.on('message', (request: Request) => void answer(answers, request));
}

/** Tells the benchmark that requests may come; ends this process when the benchmark does. */
export function sayReady(url?: string): void {
  process.once('disconnect', () => process.exit(0));
  process.once('SIGTERM', () => process.exit(0));
  process.send?.({ type: 'ready', url });
}

async function answer(answers: Answers, { id, type, input }: Request): Promise<void> {
  try {
    const value: unknown = await answers[type]?.(input);
    process.send?.({ id, value });
  } catch (error) {
    process.send?.({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}
