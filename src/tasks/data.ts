import { z } from 'zod';
import { defineTask } from '../core/define-task.ts';
import type { RetryPolicy } from '../core/retry-policy.ts';

/** What is too much for a child once is so again: one more try, in case the machine was busy. */
const CHILD_RETRY: RetryPolicy = [{ on: ['HARD_TIME_LIMIT', 'CHILD_CRASHED'], maxAttempts: 2 }, { on: '*' }];

/** What a column holds. Dates are ISO 8601; numbers have a point, and no leading zeros, which are the mark of a code. */
export const COLUMN_TYPES = ['number', 'text', 'date'] as const;

const columnName = z.string().describe('The name in the header; `column_1` and so on where that is empty.');
const columnType = z
  .enum(COLUMN_TYPES)
  .describe('What all its values are: numbers, or dates as in ISO 8601; else text, as is a column without values.');
const rows = z.int().describe('Rows below the header.');
const rejected = z.int().describe('Lines that were left out as they are malformed.');

export const preprocessData = defineTask({
  name: 'preprocess-data',
  description: 'Cleans an uploaded CSV, detects the types of its columns, and stores what is left as a new file.',
  queue: 'data',
  attempts: 3,
  retry: CHILD_RETRY,
  limits: { hardSeconds: 1800 },
  isolation: 'process',
  input: z.object({
    fileId: z.uuid().describe('The id that uploadFile gave: a CSV in UTF-8 with commas and a header.'),
  }),
  output: z.object({
    data: z
      .object({
        id: z.uuid().describe('The id of the cleaned CSV, which analyze-data takes.'),
        rows,
        rejected,
        empty: z.int().describe('Lines that were left out as they have no values.'),
        errors: z
          .array(
            z.object({
              line: z.int().describe('The number of the line, 1 for the first of the file.'),
              reason: z.string().describe('Why it was left out.'),
            }),
          )
          .describe('The first 20 of the malformed lines.'),
        columns: z.array(z.object({ name: columnName, type: columnType })).describe('The columns, in their order.'),
      })
      .describe('What became of the CSV.'),
  }),
});

const number = z.number().optional();
const dateText = z.string().optional();

/** What is known of one column of a CSV. */
export const columnAnalysis = z.object({
  name: columnName,
  type: columnType,
  count: z.int().describe('Values that are there.'),
  missing: z.int().describe('Values that are not there.'),
  min: number.describe('Of numbers: the least.'),
  max: number.describe('Of numbers: the greatest.'),
  mean: number.describe('Of numbers: their mean.'),
  standardDeviation: number.describe('Of two numbers or more: the standard deviation of the sample.'),
  earliest: dateText.describe('Of dates: the earliest, as it is written; one without a zone counts as UTC.'),
  latest: dateText.describe('Of dates: the latest, likewise.'),
  distinct: z
    .int()
    .optional()
    .describe(
      'Of text: different values, told apart by their first 100 characters; from 2,000 on an estimate, up to some 5 % off.',
    ),
  frequent: z
    .array(
      z.object({
        value: z.string().describe('Its first 50 characters.'),
        count: z
          .int()
          .describe(
            'How often it is there; where `distinct` is an estimate, a thousandth of all values may be missed.',
          ),
      }),
    )
    .optional()
    .describe('Of text: the three commonest values, those first that occur most.'),
});

export const analyzeData = defineTask({
  name: 'analyze-data',
  description: 'Reads a CSV, cleaned by preprocess-data, and stores what its columns hold as a JSON file.',
  queue: 'data',
  attempts: 3,
  retry: CHILD_RETRY,
  limits: { hardSeconds: 1800 },
  isolation: 'process',
  input: z.object({ dataId: z.uuid().describe('The id of the CSV, e.g. that of preprocess-data.') }),
  output: z.object({
    analysisId: z.uuid().describe('The id of the JSON file, which generate-report takes.'),
    rows,
    rejected,
    columns: z.array(columnAnalysis).describe('The columns, in their order.'),
  }),
});
