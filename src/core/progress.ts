/** How far a task is. `current` and `total` are in the task's own unit (lines, steps, rows). */
export interface TaskProgress {
  current: number;
  total: number | null;
  /** 0–100; null without a total. */
  percent: number | null;
  message: string | null;
  /** Units a second since the attempt's first report; null until there are two reports. */
  ratePerSecond: number | null;
  /** (total − current) / ratePerSecond; null without a total or a rate. */
  etaSeconds: number | null;
  /** ISO 8601. */
  at: string;
}

/** What a handler reports. */
export interface ProgressReport {
  current: number;
  total?: number | undefined;
  message?: string | undefined;
}

/** Where the rate is measured from: the first report of the attempt. */
export interface ProgressOrigin {
  current: number;
  atMs: number;
}

/**
 * Derives percent, rate and remaining time from a report.
 *
 * percent = 100 · current / total, held within 0–100; rate = (current − first) / (now − first report), over the whole
 * attempt, which is steadier than between two reports.
 */
export function deriveProgress(report: ProgressReport, origin: ProgressOrigin, nowMs: number): TaskProgress {
  const { current, message = null } = report;
  const total = report.total ?? null;
  const elapsedSeconds = (nowMs - origin.atMs) / 1000;
  const gained = current - origin.current;
  const ratePerSecond = elapsedSeconds > 0 && gained > 0 ? gained / elapsedSeconds : null;

  return {
    current,
    total,
    percent: total === null ? null : percentOf(current, total),
    message,
    ratePerSecond,
    etaSeconds: total === null || ratePerSecond === null ? null : Math.max(0, total - current) / ratePerSecond,
    at: new Date(nowMs).toISOString(),
  };
}

function percentOf(current: number, total: number): number {
  if (total <= 0) return 100;
  return Math.min(100, Math.max(0, (100 * current) / total));
}
