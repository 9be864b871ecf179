import { z } from 'zod';
import { defineTask } from '../core/define-task.ts';
import type { RetryPolicy } from '../core/retry-policy.ts';

/** What is too much for a child once is so again: one more try, in case the machine was busy. */
const CHILD_RETRY: RetryPolicy = [{ on: ['HARD_TIME_LIMIT', 'CHILD_CRASHED'], maxAttempts: 2 }, { on: '*' }];

const fileId = z.uuid().describe('The id that uploadFile gave.');
const producedId = z.uuid().describe('The id of the file that was made, which another task can take.');
/** GraphQL's Int ends at 2 GiB. */
const bytes = z.number().nonnegative().describe('The size of the file that was made.');

export const processLargeFile = defineTask({
  name: 'process-large-file',
  description: 'Reads an uploaded file line by line and counts what is in it.',
  queue: 'file',
  input: z.object({ fileId }),
  output: z.object({
    lines: z.int().describe('Lines; a last one without a newline counts.'),
    words: z.int().describe('Runs of bytes that are not white space, as in wc.'),
    bytes: z.int().describe('The size of the file.'),
    longestLine: z.int().describe('The length of the longest line in bytes, without its newline.'),
    sha256: z.string().describe('The SHA-256 of the content, in hexadecimal.'),
  }),
});

export const processFile = defineTask({
  name: 'process-file',
  description: 'Changes the text of an uploaded file and stores the result as a new file.',
  queue: 'file',
  attempts: 3,
  retry: CHILD_RETRY,
  limits: { hardSeconds: 1800 },
  isolation: 'process',
  input: z.object({
    fileId,
    operation: z
      .enum(['uppercase', 'lowercase', 'sort-lines', 'deduplicate-lines'])
      .describe('What is done; sorting and removing duplicate lines take files of at most 100 MiB.'),
  }),
  output: z.object({ fileId: producedId, bytes }),
});

const SIDE_MAX = 8000;
const IMAGE_FORMATS = ['jpeg', 'png', 'webp'] as const;

export const resizeImage = defineTask({
  name: 'resize-image',
  description: 'Resizes an uploaded JPEG, PNG or WebP image and stores the result, without metadata, as a new file.',
  queue: 'image',
  attempts: 3,
  retry: CHILD_RETRY,
  limits: { hardSeconds: 60 },
  isolation: 'process',
  input: z.object({
    fileId,
    width: z.int().min(1).max(SIDE_MAX).describe('The width in pixels.'),
    height: z
      .int()
      .min(1)
      .max(SIDE_MAX)
      .optional()
      .describe('The height in pixels; what is too much is cut off evenly. When left out, the proportions stay.'),
    format: z.enum(IMAGE_FORMATS).describe('The format of the result.'),
  }),
  output: z.object({
    fileId: producedId,
    width: z.int().describe('The width in pixels.'),
    height: z.int().describe('The height in pixels.'),
    bytes,
    format: z.enum(IMAGE_FORMATS).describe('The format.'),
  }),
});

const DOCUMENT_FORMATS = ['html', 'pdf'] as const;

export const convertDocument = defineTask({
  name: 'convert-document',
  description: 'Converts an uploaded Markdown document of at most 1 MiB to HTML or PDF, stored as a new file.',
  queue: 'document',
  attempts: 3,
  retry: CHILD_RETRY,
  limits: { hardSeconds: 60 },
  isolation: 'thread',
  input: z.object({ fileId, format: z.enum(DOCUMENT_FORMATS).describe('The format of the result.') }),
  output: z.object({
    fileId: producedId,
    format: z.enum(DOCUMENT_FORMATS).describe('The format.'),
    bytes,
    pages: z.int().optional().describe('Pages, of a PDF.'),
  }),
});

export const importUsers = defineTask({
  name: 'import-users',
  description: 'Creates or renames the users in a CSV file with the header email,name.',
  queue: 'import',
  attempts: 5,
  limits: { hardSeconds: 6 * 3600 },
  isolation: 'inline',
  input: z.object({ fileId }),
  output: z.object({
    imported: z.int().describe('Users that are new.'),
    updated: z.int().describe('Lines about users that were there already, also by an earlier line.'),
    rejected: z.int().describe('Lines that were left out.'),
    errors: z
      .array(
        z.object({
          line: z.int().describe('The number of the line, 1 for the header.'),
          reason: z.string().describe('Why it was left out.'),
        }),
      )
      .describe('The first 100 of them.'),
  }),
});
