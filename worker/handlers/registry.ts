import type { HandlerRegistry } from '../task-handler.ts';
import { analyzeData } from './analyze-data.ts';
import { archiveTaskHistory } from './archive.ts';
import { cleanupOldFiles, pruneTaskHistory } from './cleanup.ts';
import { convertDocument } from './convert-document.ts';
import { block, countdown, failTimes, noop, sum } from './diagnostics.ts';
import { sendNotification, sendWelcomeEmail } from './email.ts';
import { processLargeFile } from './file.ts';
import { importUsers } from './import-users.ts';
import { processOrder } from './order.ts';
import { processPayment } from './payment.ts';
import { preprocessData } from './preprocess-data.ts';
import { processFile } from './process-file.ts';
import { generateReport } from './report.ts';
import { resizeImage } from './resize-image.ts';
import { sendNewsletter } from './send-newsletter.ts';
import { syncExchangeRates } from './sync.ts';
import { createUserProfile, updateUserStats } from './user.ts';

/** The handler of every task of the catalogue, by the task's name. A task without one does not compile. */
export const handlers: HandlerRegistry = {
  'analyze-data': analyzeData,
  'archive-task-history': archiveTaskHistory,
  block,
  'cleanup-old-files': cleanupOldFiles,
  'convert-document': convertDocument,
  countdown,
  'create-user-profile': createUserProfile,
  'fail-times': failTimes,
  'generate-report': generateReport,
  'import-users': importUsers,
  noop,
  'preprocess-data': preprocessData,
  'process-file': processFile,
  'process-large-file': processLargeFile,
  'process-order': processOrder,
  'process-payment': processPayment,
  'prune-task-history': pruneTaskHistory,
  'resize-image': resizeImage,
  'send-newsletter': sendNewsletter,
  'send-notification': sendNotification,
  'send-welcome-email': sendWelcomeEmail,
  sum,
  'sync-exchange-rates': syncExchangeRates,
  'update-user-stats': updateUserStats,
};
