import { defineConfig } from 'vitest/config'
import own from '../../vitest.config.js'

/** Each planted bug is a kernel to build, which the tests that run for every change have no time for: npm run planted. */
export default defineConfig({ ...own, test: { ...own.test, include: ['test/planted/*.test.ts'], exclude: [] } })
