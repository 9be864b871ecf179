import type { GraphiQLOptions } from 'graphql-yoga';

/** What a new visitor sees. */
export const EXAMPLE_DOCUMENT = `# Welcome to Taskwire. Press the play button and choose an operation.

mutation Enqueue {
  enqueueSendWelcomeEmail(input: { email: "ada@example.com", name: "Ada" }) {
    task {
      id
      state
    }
    userErrors {
      code
      message
      path
    }
  }
}

# Follow a task live: put its id into the variables, e.g. { "id": "0198c5d2-…" }
subscription Watch($id: ID!) {
  taskEvents(id: $id) {
    sequence
    type
    state
    progress {
      percent
      message
      etaSeconds
    }
    result
    error {
      code
      message
    }
  }
}

query Newest {
  tasks(first: 20) {
    nodes {
      id
      name
      state
      attempt
      createdAt
      result
    }
  }
}
`;

/** Subscriptions go over the websocket, as those of most clients do. */
export const GRAPHIQL_OPTIONS: GraphiQLOptions = {
  title: 'Taskwire',
  defaultQuery: EXAMPLE_DOCUMENT,
  subscriptionsProtocol: 'WS',
};

let page: Promise<string> | undefined;

/** GraphiQL as one page that loads nothing from elsewhere. It is some megabytes, so it is loaded when it is first wanted. */
export function renderGraphiQLPage(options: GraphiQLOptions): Promise<string> {
  page ??= import('@graphql-yoga/render-graphiql').then(({ renderGraphiQL }) => renderGraphiQL(options));
  return page;
}
