/** The most that a payload may take as JSON, in UTF-16 code units. What is larger belongs in a file. */
export const PAYLOAD_MAX_LENGTH = 256 * 1024;

const DEPTH_MAX = 50;

/** What is wrong with a value, and where. */
export interface StorageProblem {
  message: string;
  path: string[];
}

/** Why Postgres could not store a value as JSON, or undefined when it can. */
export function findStorageProblem(value: unknown): StorageProblem | undefined {
  const problem = findUnstorable(value, []);
  if (problem) return problem;
  const length = JSON.stringify(value ?? null).length;
  if (length <= PAYLOAD_MAX_LENGTH) return undefined;
  return {
    message: `expected at most ${PAYLOAD_MAX_LENGTH} characters of JSON, got: ${length}; upload a file instead`,
    path: [],
  };
}

function findUnstorable(value: unknown, path: string[]): StorageProblem | undefined {
  if (path.length > DEPTH_MAX) return { message: `expected at most ${DEPTH_MAX} levels, got more`, path };
  if (typeof value === 'string') return findBadCharacter(value, path);
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, child] of Object.entries(value)) {
    const at = [...path, key];
    const problem = findBadCharacter(key, at) ?? findUnstorable(child, at);
    if (problem) return problem;
  }
  return undefined;
}

/** Text in Postgres holds no NUL and no half of a surrogate pair. */
function findBadCharacter(text: string, path: string[]): StorageProblem | undefined {
  if (text.includes('\u0000')) return { message: 'expected text without NUL characters', path };
  if (!text.isWellFormed()) return { message: 'expected well-formed Unicode', path };
  return undefined;
}

/** A text as Postgres can store it: each NUL and each half of a surrogate pair becomes U+FFFD. */
export function toStorableText(text: string): string {
  return text.replaceAll('\u0000', '\u{fffd}').toWellFormed();
}
