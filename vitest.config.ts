import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const TEST_TIMEOUT_MS = 60_000;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: TEST_TIMEOUT_MS,
    hookTimeout: TEST_TIMEOUT_MS,
    teardownTimeout: TEST_TIMEOUT_MS,
    // Most of a test's work is done by Postgres, Redis and processes of its own.
    maxWorkers: Math.max(2, Math.floor(availableParallelism() / 2)),
    // Tests run on Node's own loader and type stripping, as production does; Vite's would load a second graphql.
    experimental: { viteModuleRunner: false, nodeLoader: false },
  },
});
