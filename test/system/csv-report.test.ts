import { expect } from 'vitest';
import { type ApiClient, upload } from '../support/api-client.ts';
import { test } from '../support/taskwire.ts';
import { startMailServer } from '../worker/handlers/mail-server.ts';

const ENQUEUE = `mutation ($input: CsvReportWorkflowInput!, $key: String) {
  enqueueCsvReportWorkflow(input: $input, idempotencyKey: $key) {
    workflow { id name state } duplicate userErrors { code path }
  }
}`;

const EVENTS = `subscription ($id: ID!) { workflowEvents(id: $id, after: 0) { type stepKey stepState } }`;

const WORKFLOW = `query ($id: ID!) { workflow(id: $id) { state percent steps { key result } } }`;

test('the workflow csv-report makes a report of an uploaded CSV and mails that it is ready', async ({ taskwire }) => {
  await using mailServer = await startMailServer();
  const { client } = await taskwire.startApi();
  await taskwire.startWorker({ SMTP_URL: mailServer.url });
  const userId = await client.createUser('ada@example.com');
  const { file } = (await upload(client.url, 'region,amount\nnorth,1\nsouth,3\n', 'sales.csv')) as any;
  const input = { fileId: file.id, userId, format: 'pdf' };

  const { enqueueCsvReportWorkflow: enqueued } = await client.request(ENQUEUE, { input, key: 'sales' });
  const id = enqueued.workflow.id;
  const succeeded = await succeededSteps(client, id);
  const { workflow } = await client.request(WORKFLOW, { id });
  const { enqueueCsvReportWorkflow: again } = await client.request(ENQUEUE, { input, key: 'sales' });

  expect(enqueued).toEqual({
    workflow: { id, name: 'csv-report', state: 'RUNNING' },
    duplicate: false,
    userErrors: [],
  });
  expect(succeeded).toEqual(['preprocess-data', 'analyze-data', 'generate-report', 'send-notification']);
  expect(workflow).toMatchObject({ state: 'SUCCESS', percent: 100 });
  expect(workflow.steps[1].result).toMatchObject({ rows: 2, columns: [{ name: 'region' }, { mean: 2 }] });
  expect(mailServer.mails.map(({ to }) => to)).toEqual([['ada@example.com']]);
  expect(String(mailServer.mails[0]?.content)).toContain('"Analysis of sales.csv" is ready as PDF');
  expect(again).toEqual({ workflow: { id, name: 'csv-report', state: 'SUCCESS' }, duplicate: true, userErrors: [] });
});

test('an input of a defined workflow that does not fit is a user error', async ({ taskwire }) => {
  const { client } = await taskwire.startApi();
  const input = { fileId: 'sales.csv', userId: 0, format: 'pdf' };

  const { enqueueCsvReportWorkflow } = await client.request(ENQUEUE, { input });
  const { workflowDefinitions } = await client.request('{ workflowDefinitions { name inputSchema } }');

  expect(enqueueCsvReportWorkflow).toEqual({
    workflow: null,
    duplicate: false,
    userErrors: [
      { code: 'PAYLOAD_INVALID', path: ['fileId'] },
      { code: 'PAYLOAD_INVALID', path: ['userId'] },
    ],
  });
  expect(workflowDefinitions).toMatchObject([
    { name: 'csv-report', inputSchema: { required: ['fileId', 'userId', 'format'] } },
  ]);
});

/** Follows a workflow to its end; answers the keys of the steps that succeeded, in their order. */
async function succeededSteps(client: ApiClient, id: string): Promise<string[]> {
  const socket = client.openSocket();
  const keys: string[] = [];
  for await (const { data, errors } of socket.iterate<any>({ query: EVENTS, variables: { id } })) {
    expect(errors).toBeUndefined();
    const { stepKey, stepState } = data.workflowEvents;
    if (stepState === 'SUCCESS') keys.push(stepKey);
  }
  await socket.dispose();
  return keys;
}
