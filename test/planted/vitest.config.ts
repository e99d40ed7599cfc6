import { defineConfig } from 'vitest/config'
import own from '../../vitest.config.js'

/** `npm run planted`: each planted bug needs a kernel build, which takes too long for the tests of every change. */
export default defineConfig({ ...own, test: { ...own.test, include: ['test/planted/*.test.ts'], exclude: [] } })
