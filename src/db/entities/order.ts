import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/**
 * Where an order is in its life.
 *
 * ```
 *  PENDING ──process-payment──▶ PAID ──process-order──▶ PROCESSING ──▶ COMPLETED
 *   │  ▲                                                    ▲
 *   │  └─── an order can be processed before it is paid ────┘
 *   └──declined──▶ FAILED ──process-payment──▶ PAID
 * ```
 *
 * process-order is one unit of work: it sees an order as PROCESSING, others see PENDING or PAID and then COMPLETED. An
 * order that is COMPLETED before it is paid stays COMPLETED when it is; `paymentId` tells.
 */
export const ORDER_STATES = ['PENDING', 'PROCESSING', 'PAID', 'COMPLETED', 'FAILED'] as const;

export type OrderState = (typeof ORDER_STATES)[number];

/** Something that a user of the application has ordered. */
export const Order = defineEntity({
  name: 'Order',
  tableName: 'app_order',
  properties: {
    id: p.integer().primary().autoincrement(),
    userId: p.integer(),
    /** In hundredths of the currency. */
    amountCents: p.integer(),
    /** ISO 4217. */
    currency: p.text(),
    state: p.text().$type<OrderState>(),
    /** That of the payment gateway; null until it is paid. */
    paymentId: p.text().nullable(),
    /**
     * With which the gateway knows the payment again: the id of the task that first tried it. Another task for the same
     * order uses the same one, so that an order is charged once. Null again after the card was declined.
     */
    paymentKey: p.uuid().nullable(),
    createdAt: p.datetime(3).onCreate(() => new Date()),
    updatedAt: p
      .datetime(3)
      .onCreate(() => new Date())
      .onUpdate(() => new Date()),
  },
});

export type OrderRow = InferEntity<typeof Order>;
