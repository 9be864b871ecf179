import { ORDER_STATES, type OrderState } from '../../db/entities/order.ts';
import { createOrder, getOrder, listOrders } from '../../operations/manage-orders.ts';
import type { Builder } from '../builder.ts';
import { toConnection } from '../connection.ts';
import { enumValues } from '../enum-values.ts';
import { withUserErrors } from '../errors.ts';

const DESCRIPTIONS: Record<OrderState, string> = {
  PENDING: 'It is neither paid nor processed.',
  PROCESSING: 'process-order is at work on it.',
  PAID: 'process-payment has had it paid.',
  COMPLETED: 'process-order is done with it; paymentId tells whether it is paid.',
  FAILED: 'Its card was declined; another payment may succeed.',
};

/** Adds Order, OrderState, the queries `order` and `orders` and the mutation `createOrder`. */
export function addOrder(builder: Builder): void {
  builder.enumType('OrderState', {
    description: 'Where an order is in its life.',
    values: enumValues(ORDER_STATES, DESCRIPTIONS),
  });
  addObject(builder);
  addQueries(builder);
  addCreateOrder(builder);
}

function addObject(builder: Builder): void {
  builder.objectType('Order', {
    description: 'Something that a user has ordered, for the tasks process-order and process-payment.',
    fields: (t) => ({
      id: t.exposeInt('id', { description: 'Counts 1, 2, 3 …' }),
      userId: t.exposeInt('userId', { description: 'The id of the user.' }),
      amountCents: t.exposeInt('amountCents', { description: 'What it costs, in hundredths of the currency.' }),
      currency: t.exposeString('currency', { description: 'Three letters (ISO 4217), e.g. EUR.' }),
      state: t.expose('state', { type: 'OrderState', description: 'Where it is in its life.' }),
      paymentId: t.exposeString('paymentId', {
        nullable: true,
        description: 'The id that the payment gateway gave its payment; null until it is paid.',
      }),
      createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was created.' }),
      updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
    }),
  });
}

function addQueries(builder: Builder): void {
  builder.queryFields((t) => ({
    order: t.field({
      type: 'Order',
      nullable: true,
      description: 'An order; null for an unknown id.',
      args: { id: t.arg.int({ required: true, description: 'The id of the order.' }) },
      resolve: (_root, { id }, { resources }) => getOrder(resources, id),
    }),
    orders: t.connection(
      {
        type: 'Order',
        description: 'Orders, newest first; a cursor is the id of an order.',
        resolve: async (_root, page, { resources }) =>
          toConnection(await listOrders(resources, page), ({ id }) => String(id)),
      },
      { name: 'OrderConnection', description: 'A page of orders.' },
      { name: 'OrderEdge', description: 'An order and the cursor of it.' },
    ),
  }));
}

function addCreateOrder(builder: Builder): void {
  builder.inputType('CreateOrderInput', {
    description: 'A new order.',
    fields: (t) => ({
      userId: t.int({ required: true, description: 'The id of the user.' }),
      amountCents: t.int({ required: true, description: 'What it costs, in hundredths of the currency; 1 or more.' }),
      currency: t.string({ required: true, description: 'Three capital letters (ISO 4217), e.g. EUR.' }),
    }),
  });
  builder.objectType('CreateOrderPayload', {
    description: 'The new order, or why there is none.',
    fields: (t) => ({
      order: t.expose('order', { type: 'Order', nullable: true, description: 'The new order.' }),
      userErrors: t.expose('userErrors', { type: ['UserError'], description: 'What is wrong with the input.' }),
    }),
  });
  builder.mutationField('createOrder', (t) =>
    t.field({
      type: 'CreateOrderPayload',
      description: 'Creates an order. User errors: ORDER_INVALID, USER_NOT_FOUND.',
      args: { input: t.arg({ type: 'CreateOrderInput', required: true, description: 'The new order.' }) },
      resolve: (_root, { input }, { resources }) =>
        withUserErrors({ order: null }, async () => ({ order: await createOrder(resources, input) })),
    }),
  );
}
