import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Plug-ins import the package by its name: in tests that is the source, not what was built last.
  resolve: { alias: { 'vhost-user-scmi': new URL('src/index.ts', import.meta.url).pathname } },
  test: {
    include: ['test/**/*.test.ts'],
    // A kernel to build for each: npm run planted.
    exclude: ['test/planted/**'],
    // One process per file: files count their own descriptors and mappings, and a crash names its file.
    pool: 'forks',
    poolOptions: {
      forks: {
        // Also on two cores, since many tests wait. None asserts a time of the wall clock.
        maxForks: Math.max(2, availableParallelism() - 1),
        // The heap tests need gc(), and a young generation that does not move while they measure.
        execArgv: ['--expose-gc', '--min-semi-space-size=16', '--max-semi-space-size=16'],
      },
    },
    testTimeout: 30_000,
  },
})
