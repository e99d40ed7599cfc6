import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // One process per file: files count their own descriptors and mappings, and a crash names its file.
    pool: 'forks',
    poolOptions: {
      forks: {
        // The heap test needs gc(), and a young generation that does not move while it measures.
        execArgv: ['--expose-gc', '--min-semi-space-size=16', '--max-semi-space-size=16'],
      },
    },
    testTimeout: 20_000,
  },
})
