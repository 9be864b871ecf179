import { ProgressReporter } from '../worker/progress-reporter.ts';
import { answerRequests } from './answer-requests.ts';
import { sharedClockMs } from './statistics.ts';

/**
 * Preloaded into a worker: notes when a handler calls `context.progress`. The event itself says it only to the
 * millisecond. A report is known by its `total`, which is another in each task of the benchmark, and its `current`.
 */
const times: [string, number][] = [];
const report = Reflect.get(ProgressReporter.prototype, 'report');

ProgressReporter.prototype.report = function noteAndReport(given) {
  times.push([`${given.total}/${given.current}`, sharedClockMs()]);
  report.call(this, given);
};
answerRequests({ times: () => times });
