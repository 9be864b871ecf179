import { z } from 'zod';
import { chain, signature } from '../core/canvas.ts';
import { defineWorkflow, type WorkflowContract } from '../core/define-workflow.ts';
import { analyzeData, preprocessData } from './data.ts';
import { sendNotification } from './email.ts';
import { generateReport } from './report.ts';

const csvReport = defineWorkflow({
  name: 'csv-report',
  description: 'Cleans an uploaded CSV, analyses it, writes a report of it and tells a user that it is ready.',
  input: z.object({
    fileId: z.uuid().describe('The id that uploadFile gave: a CSV in UTF-8 with commas and a header.'),
    userId: z.int32().positive().describe('The id of the user who is told.'),
    format: z.enum(['csv', 'pdf']).describe('CSV holds the table, PDF a chart too.'),
  }),
  build: ({ fileId, userId, format }) =>
    chain(
      signature(preprocessData, { fileId }),
      ({ data }) => signature(analyzeData, { dataId: data.id }),
      ({ analysisId }) => signature(generateReport, { kind: 'data-analysis', format, analysisId }),
      ({ summary }) => signature(sendNotification, { userId, message: summary }),
    ),
});

/** Every workflow that is defined. Their mutations follow from this list. */
export const workflows = [csvReport] as const satisfies readonly WorkflowContract[];
