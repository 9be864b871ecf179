import { toStorableText } from './storable.ts';

const REASON_MAX = 1000;

/** Why a task or a workflow was ended, as it is stored with each of them: the first 1,000 characters. */
export function toReason(text: string): string {
  return toStorableText(text.slice(0, REASON_MAX));
}
