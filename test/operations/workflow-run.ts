import { claimTasks } from '../../src/db/statements/claim-tasks.ts';
import { settleAttempts } from '../../src/db/statements/settle-attempts.ts';
import { startSteps } from '../../src/db/statements/start-steps.ts';
import type { SqlPool } from '../../src/db/sql.ts';
import { endSteps } from '../../src/operations/advance-workflows.ts';
import { catalog as contracts, TaskCatalog } from '../../src/tasks/catalog.ts';
import { settlement, type Database } from '../db/database.ts';
import type { RandomStep } from './random-workflow.ts';

const catalog = new TaskCatalog(contracts);

/** How a step stands in Postgres, with its task. */
export interface StepRow {
  key: string;
  state: string;
  taskId: string | null;
  taskState: string | null;
  attempt: number | null;
  startedAt: Date | null;
}

/** How a workflow stands in Postgres. */
export interface WorkflowRow {
  state: string;
  sequence: number;
  openSteps: number;
  weight: number;
  doneWeight: number;
  finishedAt: Date | null;
  error: { code: string; message: string } | null;
}

/** Looks at a workflow from outside. */
export class WorkflowLook {
  readonly #database: Database;
  readonly id: string;

  constructor(database: Database, id: string) {
    this.#database = database;
    this.id = id;
  }

  async row(): Promise<WorkflowRow> {
    const [row] = await this.#database.run<WorkflowRow>(
      `select state, sequence, open_steps as "openSteps", weight, done_weight as "doneWeight",
        finished_at as "finishedAt", error from workflow where id = $1`,
      [this.id],
    );
    if (!row) throw new Error(`expected workflow ${this.id}, got none`);
    return row;
  }

  async steps(): Promise<Map<string, StepRow>> {
    const rows = await this.#database.run<StepRow>(
      `select s.key, s.state, s.task_id as "taskId", t.state as "taskState", t.attempt, t.started_at as "startedAt"
       from workflow_step s left join task t on t.id = s.task_id where s.workflow_id = $1 order by s.position`,
      [this.id],
    );
    return new Map(rows.map((row) => [row.key, row]));
  }

  /** Tasks of it that a worker could take. */
  waiting(): Promise<{ id: string; key: string }[]> {
    return this.#database.run(
      `select t.id, s.key from task t join workflow_step s on s.workflow_id = t.workflow_id and s.position = t.workflow_step
       where t.workflow_id = $1 and t.state in ('PENDING', 'RETRY') order by t.id`,
      [this.id],
    );
  }

  events(): Promise<
    { sequence: number; type: string; state: string; stepKey: string | null; stepState: string | null }[]
  > {
    return this.#database.run(
      `select sequence, type, state, step_key as "stepKey", step_state as "stepState"
       from workflow_event where workflow_id = $1 order by sequence`,
      [this.id],
    );
  }
}

/** Half of the tasks, by chance: those of the others end before their worker has said that they run. */
function saysSo(taskId: string): boolean {
  return /[0-7]$/.test(taskId);
}

/** Runs the waiting task of a step as a worker does: claims it, says so, and ends the attempt as the step has it. */
export async function runAttempt(
  { sql, workflowId, taskId }: { sql: SqlPool; workflowId: string; taskId: string },
  step: Pick<RandomStep, 'succeeds' | 'retries'>,
): Promise<void> {
  const [task] = await claimTasks(sql, [taskId], 'worker-1', ['noop']);
  if (!task) return; // it was revoked a moment ago
  const start = { workflowId, position: task.workflowStep ?? -1, taskId, taskSequence: task.sequence };
  if (saysSo(taskId)) await startSteps(sql, [start]);
  const failures = task.failures;
  const state = failures < step.retries ? 'RETRY' : step.succeeds ? 'SUCCESS' : 'FAILURE';
  const error = state === 'SUCCESS' ? null : { code: 'TEST', message: 'as it was to be', retryable: true };
  const end = settlement({ taskId, attempt: task.attempt, state, error, result: {}, workflowId });
  await sql.transaction((transaction) =>
    endSteps(catalog, transaction, [workflowId], () => settleAttempts(transaction, [end])),
  );
}
