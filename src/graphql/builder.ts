import SchemaBuilder from '@pothos/core';
import RelayPlugin from '@pothos/plugin-relay';
import type { TaskContract } from '../core/define-task.ts';
import type { WorkflowContract } from '../core/define-workflow.ts';
import type { InputProblem } from '../core/errors.ts';
import type { TaskProgress } from '../core/progress.ts';
import type { CatchUpPolicy, OverlapPolicy } from '../core/schedule.ts';
import type { TaskError, TaskEvent, TaskEventType } from '../core/task-event.ts';
import type { TaskState } from '../core/task-state.ts';
import type { WorkflowEvent, WorkflowEventType } from '../core/workflow-event.ts';
import type { JoinPolicy, OnFailure, StepState, WorkflowState } from '../core/workflow-state.ts';
import type { OrderRow, OrderState } from '../db/entities/order.ts';
import type { ScheduleRow } from '../db/entities/schedule.ts';
import type { StoredFileRow } from '../db/entities/stored-file.ts';
import type { TaskRow } from '../db/entities/task.ts';
import type { UserRow } from '../db/entities/user.ts';
import type { WorkflowStepView } from '../db/statements/read-workflow-steps.ts';
import type { WorkflowView } from '../db/statements/read-workflows.ts';
import type { EnqueueOptions } from '../operations/enqueue-task.ts';
import type { NewOrder } from '../operations/manage-orders.ts';
import type { UpsertScheduleInput } from '../operations/upsert-schedule.ts';
import type { GraphQLContext } from './context.ts';
import type { UploadedFile } from './uploaded-file.ts';

/** A scalar or an enum whose values are the same on both sides. */
interface Both<T> {
  Input: T;
  Output: T;
}

/** What a mutation answers: what it made or changed, or what its caller can mend. */
export type Payload<Key extends string, T> = Record<Key, T | null> & { userErrors: readonly InputProblem[] };

/** The answer of a mutation that enqueues. */
export type EnqueuePayload = Payload<'task', TaskRow> & { duplicate: boolean };

/** What `tasks` is narrowed to, as a client gives it. */
export interface TaskFilterInput {
  states?: TaskState[] | null | undefined;
  names?: string[] | null | undefined;
  queues?: string[] | null | undefined;
  tags?: string[] | null | undefined;
  createdAfter?: Date | null | undefined;
  createdBefore?: Date | null | undefined;
  search?: string | null | undefined;
}

/** What `workflows` is narrowed to, as a client gives it. */
export interface WorkflowFilterInput {
  states?: WorkflowState[] | null | undefined;
  names?: string[] | null | undefined;
  createdAfter?: Date | null | undefined;
  createdBefore?: Date | null | undefined;
}

/** How a task is to be run, as a client gives it. */
export type EnqueueOptionsInput = Omit<EnqueueOptions, 'tags'> & { tags?: string[] | null | undefined };

/** What stands behind each GraphQL type that fields refer to by name; enums count as scalars here. */
export interface SchemaTypes {
  Context: GraphQLContext;
  DefaultFieldNullability: false;
  DefaultEdgesNullability: false;
  DefaultNodeNullability: false;
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: Date; Output: Date | string };
    JSON: { Input: NonNullable<unknown>; Output: unknown };
    File: { Input: UploadedFile; Output: never };
    TaskState: Both<TaskState>;
    TaskEventType: Both<TaskEventType>;
    OrderState: Both<OrderState>;
    WorkflowState: Both<WorkflowState>;
    WorkflowEventType: Both<WorkflowEventType>;
    StepState: Both<StepState>;
    OnFailure: Both<OnFailure>;
    JoinPolicy: Both<JoinPolicy>;
    OverlapPolicy: Both<OverlapPolicy>;
    CatchUpPolicy: Both<CatchUpPolicy>;
  };
  Inputs: {
    TaskFilter: TaskFilterInput;
    WorkflowFilter: WorkflowFilterInput;
    EnqueueOptions: EnqueueOptionsInput;
    CreateUserInput: { email: string; name: string };
    CreateOrderInput: NewOrder;
    UpsertScheduleInput: UpsertScheduleInput;
  };
  Interfaces: { Task: TaskRow };
  Objects: {
    TaskEvent: TaskEvent;
    TaskProgress: TaskProgress;
    TaskError: TaskError;
    TaskDefinition: TaskContract;
    WorkflowDefinition: WorkflowContract;
    Workflow: WorkflowView;
    WorkflowStep: WorkflowStepView;
    WorkflowEvent: WorkflowEvent;
    UserError: InputProblem;
    User: UserRow;
    Order: OrderRow;
    Schedule: ScheduleRow;
    StoredFile: StoredFileRow;
    EnqueueTaskPayload: EnqueuePayload;
    TaskPayload: Payload<'task', TaskRow>;
    WorkflowPayload: Payload<'workflow', WorkflowView> & { duplicate: boolean };
    CreateUserPayload: Payload<'user', UserRow>;
    CreateOrderPayload: Payload<'order', OrderRow>;
    SchedulePayload: Payload<'schedule', ScheduleRow>;
    UploadFilePayload: Payload<'file', StoredFileRow>;
  };
}

export type Builder = ReturnType<typeof createBuilder>;

/** Starts a schema without any type of ours. Fields are non-null unless they say otherwise; arguments are optional. */
export function createBuilder() {
  return new SchemaBuilder<SchemaTypes>({
    plugins: [RelayPlugin],
    defaultFieldNullability: false,
    relay: {
      cursorType: 'String',
      nodeQueryOptions: false,
      nodesQueryOptions: false,
      nodesOnConnection: { description: 'The items themselves, for clients that need no cursors.' },
      edgesFieldOptions: { description: 'The items with their cursors.', nullable: false },
      nodeFieldOptions: { description: 'The item.', nullable: false },
      cursorFieldOptions: { description: 'Where the item is in the list; give it as `after` or `before`.' },
      pageInfoFieldOptions: { description: 'Whether there is more.' },
      pageInfoTypeOptions: { description: 'Where a page is in its list.' },
      hasNextPageFieldOptions: { description: 'Whether there is more after this page.' },
      hasPreviousPageFieldOptions: { description: 'Whether there is more before this page.' },
      startCursorFieldOptions: { description: 'The cursor of the first item; null on an empty page.' },
      endCursorFieldOptions: { description: 'The cursor of the last item; null on an empty page.' },
      firstArgOptions: { description: 'At most so many items, 0 to 100; 20 when neither first nor last is given.' },
      afterArgOptions: { description: 'Only what comes after the item with this cursor.' },
      lastArgOptions: { description: 'The last so many items, 0 to 100, instead of the first.' },
      beforeArgOptions: { description: 'Only what comes before the item with this cursor.' },
    },
  });
}
