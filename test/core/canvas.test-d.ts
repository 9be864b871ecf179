/** What must not compile; the type check of the whole project fails when one of these lines does. */
import { z } from 'zod';
import { chain, chord, group, type Node, type ResultRef, signature } from '../../src/core/canvas.ts';
import { defineTask } from '../../src/core/define-task.ts';
import { defineWorkflow } from '../../src/core/define-workflow.ts';
import type { Ref } from '../../src/core/result-ref.ts';
import { toSteps } from '../../src/core/to-steps.ts';
import type { enqueueWorkflow } from '../../src/operations/enqueue-workflow.ts';
import type { EnqueueResources } from '../../src/operations/resources.ts';
import { analyzeData, preprocessData } from '../../src/tasks/data.ts';
import { countdown, noop, sum } from '../../src/tasks/diagnostics.ts';
import { sendNotification } from '../../src/tasks/email.ts';
import { generateReport } from '../../src/tasks/report.ts';

const fileId = '0190a6f0-0000-7000-8000-000000000000';
const start = signature(preprocessData, { fileId });
const analyze = (dataId: Ref<string>) => signature(analyzeData, { dataId });
const analyzed = chain(start, ({ data }) => analyze(data.id));

/** What must compile. */
export const report: Node<ResultRef<typeof sendNotification>> = chain(
  start,
  (cleaned) => analyze(cleaned.data.id),
  ({ analysisId }) => signature(generateReport, { kind: 'data-analysis', format: 'pdf', analysisId }),
  ({ summary }) => signature(sendNotification, { userId: 1, message: summary }),
);

export const results: ResultRef<typeof sum> = chord(
  [signature(sum, { values: [1] }), chain(start, signature(sum, { values: [] }))],
  ([one, other]) => signature(sum, { values: [one.total, other.total] }),
).results;

export const ofDifferentTasks: Node<readonly [ResultRef<typeof sum>, readonly [ResultRef<typeof countdown>]]> = group([
  signature(sum, { values: [1] }),
  group([signature(countdown, { steps: 1, stepMs: 1 })]),
]);

export const ofAnyNumber = chord(
  [1, 2, 3].map((value) => signature(sum, { values: [value] })),
  (sums) => signature(sum, { values: sums.map(({ total }) => total) }),
);

export const eight = chain(
  start,
  signature(noop, {}),
  signature(noop, {}),
  signature(noop, {}),
  signature(noop, {}),
  signature(noop, {}),
  signature(sum, { values: [1] }),
  ({ total }) => signature(countdown, { steps: total, stepMs: 0 }),
);

export const enqueued = (enqueue: typeof enqueueWorkflow, resources: EnqueueResources) =>
  enqueue(resources, { name: 'report', steps: toSteps(report) });

// @ts-expect-error a payload without a field
signature(countdown, { steps: 1 });

// @ts-expect-error a field of another type
signature(countdown, { steps: '1', stepMs: 0 });

// @ts-expect-error a field that the contract does not have
signature(countdown, { steps: 1, stepMs: 0, speed: 1 });

// @ts-expect-error a way to be run that there is not
signature(noop, {}, { onFailure: 'IGNORE' });

// @ts-expect-error the key of a task, which the workflow has for all of it
signature(noop, {}, { options: { idempotencyKey: 'once' } });

// @ts-expect-error a field that a result does not have
chain(start, (cleaned) => analyze(cleaned.data.key));

// @ts-expect-error a result of another type than the field
chain(start, (cleaned) => analyze(cleaned.data.rows));

// @ts-expect-error a result where one field of it is wanted
chain(start, (cleaned) => analyze(cleaned.data));

// @ts-expect-error the result of the first in a chain: what follows gets that of the last
chain(analyzed, ({ data }) => analyze(data.id));

// @ts-expect-error a result that a group does not have
chord([start], ([, second]) => analyze(second.data.id));

// @ts-expect-error results of which one is of another type
chord([start, signature(sum, { values: [] })], (both) => signature(sum, { values: both.map(({ total }) => total) }));

// @ts-expect-error a list of results where one is wanted
chord([start], (all) => analyze(all.map(({ data }) => data.id)));

// @ts-expect-error one result where a list of them is wanted
chain(signature(sum, { values: [] }), ({ total }) => signature(sum, { values: total }));

// @ts-expect-error values and results in one list
chain(signature(sum, { values: [] }), ({ total }) => signature(sum, { values: [1, total] }));

// @ts-expect-error what a result may lack
chain(signature(generateReport, { kind: 'user-activity', format: 'csv' }), ({ note }) => notify(note));

// @ts-expect-error a function that makes no node
chain(start, ({ data }) => data.id);

function notify(message: Ref<string>) {
  return signature(sendNotification, { userId: 1, message });
}

const nested = defineTask({
  name: 'nested',
  description: 'Takes what GraphQL cannot say.',
  input: z.object({
    item: z.object({ id: z.string() }),
    at: z.iso.datetime(),
    note: z.string().optional(),
    ids: z.array(z.string()).nullish(),
  }),
  output: z.object({
    item: z.object({ id: z.string() }),
    at: z.date(),
    ids: z.array(z.string()),
    maybe: z.object({ id: z.string() }).nullable(),
  }),
});
const made = signature(nested, { item: { id: '1' }, at: '2026-11-22T00:00:00Z' });

/** Dates are text in a stored result; whole objects and lists fit where they are wanted; optional fields take results too. */
export const whole = chain(made, ({ item, at, ids }) => signature(nested, { item, at, ids, note: item.id }));
export const listed = chord([made], (all) =>
  signature(nested, { item: { id: '2' }, at: all[0].at, ids: all.map((one) => one.item.id) }),
);

// @ts-expect-error a result inside of a field
chain(made, ({ item, at }) => signature(nested, { at, item: { id: item.id } }));

// @ts-expect-error a field of what may be null
chain(made, ({ item, at, maybe }) => signature(nested, { item, at, note: maybe.id }));

// @ts-expect-error an empty list where no list is wanted
signature(sendNotification, { userId: 1, message: [] });

const spec = { name: 'wait', description: 'Waits.', input: z.object({ steps: z.int().default(3) }) };

/** The input has its defaults when the workflow is built. */
export const defined = defineWorkflow({
  ...spec,
  build: ({ steps }) => signature(countdown, { steps, stepMs: 0 }),
});

// @ts-expect-error a field that the input does not have
defineWorkflow({ ...spec, build: ({ stepMs }) => signature(countdown, { steps: 1, stepMs }) });

// @ts-expect-error a workflow that is not written
defineWorkflow({ ...spec, build: ({ steps }) => ({ steps }) });
