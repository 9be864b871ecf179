import { z } from 'zod';
import { defineTask } from '../core/define-task.ts';

export const processLargeFile = defineTask({
  name: 'process-large-file',
  description: 'Reads an uploaded file line by line and counts what is in it.',
  queue: 'file',
  input: z.object({ fileId: z.uuid().describe('The id that uploadFile gave.') }),
  output: z.object({
    lines: z.int().describe('Lines; a last one without a newline counts.'),
    words: z.int().describe('Runs of bytes that are not white space, as in wc.'),
    bytes: z.int().describe('The size of the file.'),
    longestLine: z.int().describe('The length of the longest line in bytes, without its newline.'),
    sha256: z.string().describe('The SHA-256 of the content, in hexadecimal.'),
  }),
});
