import { simpleParser } from 'mailparser';
import { expect } from 'vitest';
import type { z } from 'zod';
import type { PayloadInput, TaskContract } from '../../../src/core/define-task.ts';
import { payloadProblems } from '../../../src/operations/enqueue-task.ts';
import { analyzeData, preprocessData } from '../../../src/tasks/data.ts';
import { sendNotification } from '../../../src/tasks/email.ts';
import { generateReport } from '../../../src/tasks/report.ts';
import { openMailer } from '../../../worker/mailer.ts';
import { type AttemptWishes, test, type Workshop } from '../../support/handler-context.ts';
import { startMailServer } from './mail-server.ts';

async function resultOf<C extends TaskContract>(
  workshop: Workshop,
  contract: C,
  payload: PayloadInput<C>,
  wishes?: AttemptWishes,
): Promise<z.output<C['output']>> {
  expect(payloadProblems(contract, payload)).toEqual([]);
  const { result, error } = await workshop.run(contract, payload, wishes);
  expect(error).toBeNull();
  return result;
}

test('an uploaded CSV becomes a report of which a user is told, each step taking the result of the one before', async ({
  workshop,
}) => {
  await using server = await startMailServer();
  const mailer = openMailer({ smtpUrl: server.url, outboxDir: '/nowhere', from: 'hello@taskwire.example' });
  const [userId = 0] = await workshop.createUsers([{ email: 'ada@example.com', name: 'Ada' }]);
  const fileId = await workshop.upload('shop,amount\n A ,1\n\nbad\nB,2\n', 'sales.csv', 'text/csv');

  const { data } = await resultOf(workshop, preprocessData, { fileId });
  const { analysisId } = await resultOf(workshop, analyzeData, { dataId: data.id });
  const { summary } = await resultOf(workshop, generateReport, { kind: 'data-analysis', format: 'pdf', analysisId });
  const sent = await resultOf(workshop, sendNotification, { userId, message: summary }, { resources: { mailer } });

  const mail = await simpleParser(server.mails[0]!.content);
  expect(sent.recipient).toBe('ada@example.com');
  expect(mail.text).toContain('The report "Analysis of sales.csv" is ready as PDF: 2 rows in 2 columns.');
});

test('the longest file name leaves a message that can be sent', async ({ workshop }) => {
  const name = `${'😀'.repeat(251)}.csv`;
  const fileId = await workshop.upload('shop,amount\nA,1\n', name, 'text/csv');

  const { data } = await resultOf(workshop, preprocessData, { fileId });
  const { analysisId } = await resultOf(workshop, analyzeData, { dataId: data.id });
  const { summary } = await resultOf(workshop, generateReport, { kind: 'data-analysis', format: 'csv', analysisId });

  expect(payloadProblems(sendNotification, { userId: 1, message: summary })).toEqual([]);
});
