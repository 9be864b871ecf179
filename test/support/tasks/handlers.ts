import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import type { Isolation, TaskContract } from '../../../src/core/define-task.ts';
import { HttpError, RetryIn, TaskwireError } from '../../../src/core/errors.ts';
import { User } from '../../../src/db/entities/user.ts';
import { noop } from '../../../src/tasks/diagnostics.ts';
import type { TaskContext, TaskHandler } from '../../../worker/task-handler.ts';
import * as contracts from './contracts.ts';

type HandlerOf<Define extends (isolation: Isolation) => TaskContract> = TaskHandler<ReturnType<Define>>;

const parts: HandlerOf<typeof contracts.parts> = async (_payload, context) => {
  const { taskId, attempt, logger, progress, step, enqueue, tempFile, cleanup, resources } = context;
  const steps = [
    await step('write', async (em) => {
      em.create(User, { email: `${taskId}@example.com`, name: taskId, createdAt: new Date() });
      return `written by attempt ${attempt}`;
    }),
    await step('call', () => `called by attempt ${attempt}`),
  ];
  progress(attempt, 2, `attempt ${attempt}`);
  logger.info({ attempt }, 'a line of attempt %d', attempt);
  logger.debug('not recorded');
  await writeFile(await tempFile('notes.txt'), 'temporary');
  cleanup(() => resources.orm.em.fork().nativeUpdate(User, { name: taskId }, { loginCount: attempt }));
  if (attempt === 1) throw new HttpError('the service', 503, { retryAfterMs: 300 });
  await enqueue(noop, {}, { tags: [taskId] });
  return { steps };
};

const askedAgain: HandlerOf<typeof contracts.askedAgain> = async (_payload, { attempt }) => {
  if (attempt === 1) throw new RetryIn(300);
  return { attempt };
};

const writing: HandlerOf<typeof contracts.writing> = async (em, { wait }, context) => {
  const { taskId, signal, enqueue, logger, progress } = context;
  const user = em.create(User, { email: `${taskId}@example.com`, name: taskId, createdAt: new Date() });
  await em.flush();
  await enqueue(noop, {}, { tags: [taskId] });
  progress(1, 1);
  logger.info('written, not committed');
  if (wait) await aborted(signal);
  return { userId: user.id };
};

const partial: HandlerOf<typeof contracts.partial> = async (_payload, { signal }) => {
  await aborted(signal);
  return { stoppedBy: (signal.reason as TaskwireError).code };
};

const hanging = async (context: TaskContext, hang: () => Promise<never>): Promise<never> => {
  const file = await context.tempFile();
  await writeFile(file, 'temporary');
  context.cleanup(() => context.logger.warn('cleaned up'));
  context.logger.info(file);
  await nextTurn(); // a child that blocks sends nothing any more
  return hang();
};

const never = () => new Promise<never>(() => undefined);

const blocking = async (): Promise<never> => {
  while (true);
};

const leaked: Buffer[] = [];

const leaking: TaskHandler<typeof contracts.leaking> = async ({ kib }) => {
  leaked.push(Buffer.alloc(kib * 1024, 1));
  return {};
};

const loopDelay: TaskHandler<typeof contracts.loopDelay> = async ({ ms }) => {
  const histogram = monitorEventLoopDelay({ resolution: 10 });
  histogram.enable();
  await delay(ms);
  histogram.disable();
  return { maxMs: histogram.max / 1e6 };
};

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

const flaky = async (_payload: unknown, { attempt }: TaskContext) => {
  if (attempt <= 3) throw new TaskwireError('FLAKY', `attempt ${attempt} fails`);
  return {};
};

const nothing = async () => ({});

/** By the name of the task. */
export const handlers: Readonly<Record<string, unknown>> = {
  ...Object.fromEntries(
    contracts.ISOLATIONS.flatMap((isolation) => [
      [`parts-${isolation}`, parts],
      [`asked-again-${isolation}`, askedAgain],
      [`writing-${isolation}`, writing],
      [`partial-${isolation}`, partial],
      [
        `hanging-${isolation}`,
        (_payload: unknown, context: TaskContext) => hanging(context, isolation === 'inline' ? never : blocking),
      ],
    ]),
  ),
  leaking,
  'loop-delay': loopDelay,
  flaky,
  'limited-task': nothing,
  'limited-queue': nothing,
};
