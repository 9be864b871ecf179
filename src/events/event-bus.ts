import { RedisPubSub } from 'graphql-redis-subscriptions';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { TaskEvent } from '../core/task-event.ts';
import type { WorkflowEvent } from '../core/workflow-event.ts';

/** Tells the worker of a task that it is to end. */
export interface CancelMessage {
  taskId: string;
  reason: string | null;
  /** Whether the grace is skipped. */
  force: boolean;
}

export interface EventBusOptions {
  /** In the role of a producer. */
  publisher: Redis;
  /** In the role of a consumer. */
  subscriber: Redis;
  keyPrefix: string;
  logger: Logger;
}

/** A command each would cost a busy worker more than the messages themselves. */
const PUBLISH_ALL = `for at = 1, #ARGV, 2 do redis.call('publish', ARGV[at], ARGV[at + 1]) end`;

/**
 * The voice: Redis pub/sub, a channel for each task and each workflow. Nothing depends on a message arriving: who listens reads what it
 * missed from Postgres.
 */
export class EventBus {
  readonly #options: EventBusOptions;
  readonly #pubsub: RedisPubSub;
  /** Channels and messages by turns. */
  #waiting: string[] = [];

  constructor(options: EventBusOptions) {
    this.#options = options;
    const { publisher, subscriber } = options;
    this.#pubsub = new RedisPubSub({ publisher, subscriber: quietlyEnding(subscriber) });
  }

  /** Publishes events that are committed. A message that can't be sent now is dropped. */
  publish(events: readonly TaskEvent[]): void {
    for (const event of events) this.#send(this.#taskChannel(event.taskId), event);
  }

  /** Resolves with a function that ends the subscription, once Redis has acknowledged it. */
  subscribe(taskId: string, listener: (event: TaskEvent) => void): Promise<() => void> {
    return this.#listen(this.#taskChannel(taskId), listener);
  }

  /** As {@link publish}. */
  publishWorkflow(events: readonly WorkflowEvent[]): void {
    for (const event of events) this.#send(this.#workflowChannel(event.workflowId), event);
  }

  /** As {@link subscribe}. */
  subscribeWorkflow(workflowId: string, listener: (event: WorkflowEvent) => void): Promise<() => void> {
    return this.#listen(this.#workflowChannel(workflowId), listener);
  }

  /** Asks whichever worker runs a task to end it. */
  publishCancel(message: CancelMessage): void {
    this.#send(this.#cancelChannel, message);
  }

  /** Resolves as {@link subscribe} does. */
  subscribeCancel(listener: (message: CancelMessage) => void): Promise<() => void> {
    return this.#listen(this.#cancelChannel, listener);
  }

  /**
   * Calls back each time that messages may have been missed and arrive again from now on. Answers a function that ends it.
   */
  onResubscribed(callback: () => void): () => void {
    const { subscriber } = this.#options;
    // ioredis has sent its SUBSCRIBEs when it says ready, so what answers this PING comes after their acknowledgement.
    const onReady = () => void subscriber.ping().then(callback, () => undefined);
    subscriber.on('ready', onReady);
    return () => subscriber.off('ready', onReady);
  }

  /** What is published in one turn of the event loop travels in one command, in its order. */
  #send(channel: string, message: unknown): void {
    if (this.#options.publisher.status !== 'ready') return;
    if (this.#waiting.length === 0) setImmediate(() => this.#flush());
    this.#waiting.push(channel, JSON.stringify(message));
  }

  #flush(): void {
    const { publisher, logger } = this.#options;
    const messages = this.#waiting;
    this.#waiting = [];
    publisher.eval(PUBLISH_ALL, 0, ...messages).catch((error: Error) => {
      logger.debug({ error: error.message }, 'messages were not published; their readers find them in Postgres');
    });
  }

  async #listen<Message>(channel: string, listener: (message: Message) => void): Promise<() => void> {
    const id = await this.#pubsub.subscribe(channel, listener);
    return () => this.#pubsub.unsubscribe(id);
  }

  #taskChannel(taskId: string): string {
    return `${this.#options.keyPrefix}:task:${taskId}`;
  }

  #workflowChannel(workflowId: string): string {
    return `${this.#options.keyPrefix}:workflow:${workflowId}`;
  }

  get #cancelChannel(): string {
    return `${this.#options.keyPrefix}:cancel`;
  }
}

/** RedisPubSub does not look at what becomes of its UNSUBSCRIBEs; one that the end of the connection meets is no fault. */
function quietlyEnding(subscriber: Redis): Redis {
  const unsubscribe = subscriber.unsubscribe.bind(subscriber);
  const punsubscribe = subscriber.punsubscribe.bind(subscriber);
  return Object.assign(subscriber, {
    unsubscribe: (...channels: string[]) => unsubscribe(...channels).catch(() => undefined),
    punsubscribe: (...patterns: string[]) => punsubscribe(...patterns).catch(() => undefined),
  });
}
