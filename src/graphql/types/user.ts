import { createUser, getUser, listUsers } from '../../operations/manage-users.ts';
import type { Builder } from '../builder.ts';
import { toConnection } from '../connection.ts';
import { withUserErrors } from '../errors.ts';

/** Adds User, the queries `user` and `users` and the mutation `createUser`. */
export function addUser(builder: Builder): void {
  builder.objectType('User', {
    description: 'A user of the application that the shipped tasks work for.',
    fields: (t) => ({
      id: t.exposeInt('id', { description: 'Counts 1, 2, 3 …' }),
      email: t.exposeString('email', { description: 'No other user has the same.' }),
      name: t.exposeString('name', { description: 'How the user is greeted.' }),
      loginCount: t.exposeInt('loginCount', { description: 'Logins so far.' }),
      lastActivityAt: t.expose('lastActivityAt', {
        type: 'DateTime',
        nullable: true,
        description: 'When the user was last active; null before the first time.',
      }),
    }),
  });
  addQueries(builder);
  addCreateUser(builder);
}

function addQueries(builder: Builder): void {
  builder.queryFields((t) => ({
    user: t.field({
      type: 'User',
      nullable: true,
      description: 'A user; null for an unknown id.',
      args: { id: t.arg.int({ required: true, description: 'The id of the user.' }) },
      resolve: (_root, { id }, { resources }) => getUser(resources, id),
    }),
    users: t.connection(
      {
        type: 'User',
        description: 'Users, newest first; a cursor is the id of a user.',
        resolve: async (_root, page, { resources }) =>
          toConnection(await listUsers(resources, page), ({ id }) => String(id)),
      },
      { name: 'UserConnection', description: 'A page of users.' },
      { name: 'UserEdge', description: 'A user and the cursor of it.' },
    ),
  }));
}

function addCreateUser(builder: Builder): void {
  builder.inputType('CreateUserInput', {
    description: 'A new user.',
    fields: (t) => ({
      email: t.string({ required: true, description: 'An address that no other user has.' }),
      name: t.string({ required: true, description: '1 to 200 characters.' }),
    }),
  });
  builder.objectType('CreateUserPayload', {
    description: 'The new user, or why there is none.',
    fields: (t) => ({
      user: t.expose('user', { type: 'User', nullable: true, description: 'The new user.' }),
      userErrors: t.expose('userErrors', { type: ['UserError'], description: 'What is wrong with the input.' }),
    }),
  });
  builder.mutationField('createUser', (t) =>
    t.field({
      type: 'CreateUserPayload',
      description: 'Creates a user. User errors: USER_INVALID, EMAIL_TAKEN.',
      args: { input: t.arg({ type: 'CreateUserInput', required: true, description: 'The new user.' }) },
      resolve: (_root, { input }, { resources }) =>
        withUserErrors({ user: null }, async () => ({ user: await createUser(resources, input) })),
    }),
  );
}
