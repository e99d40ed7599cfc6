import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { cpuMsOfFamily } from '../../src/bench/process-status.js'

test('CPU time of children counts once they have ended', () => {
  const before = cpuMsOfFamily()
  const program = 'while (process.cpuUsage().user < 400_000);'
  expect(spawnSync(process.execPath, ['-e', program]).status).toBe(0)
  expect(cpuMsOfFamily() - before).toBeGreaterThanOrEqual(380)
})
