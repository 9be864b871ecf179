import type { HandlerRegistry } from '../task-handler.ts';
import { countdown, failTimes, noop } from './diagnostics.ts';
import { sendWelcomeEmail } from './email.ts';
import { processLargeFile } from './file.ts';
import { updateUserStats } from './user.ts';

/** The handler of every task of the catalogue, by the task's name. A task without one does not compile. */
export const handlers: HandlerRegistry = {
  countdown,
  'fail-times': failTimes,
  noop,
  'process-large-file': processLargeFile,
  'send-welcome-email': sendWelcomeEmail,
  'update-user-stats': updateUserStats,
};
