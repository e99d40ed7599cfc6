/** `npm run demo`, without what it installs and builds first. */
import { expect, test } from 'vitest'
import { KERNEL_LIMIT_MS, testKernel } from './kernel.js'
import { runLab } from './lab-command.js'

const LIMIT_MS = 300_000

test(
  'the demo shows clocks, sensors, a change and a notification, in which guest and platform agree',
  async () => {
    // It boots the default kernel, which is built once.
    await testKernel()
    // Without colours, which CI switches on.
    const { code, stdout, stderr } = await runLab(['demo'], { CI: '' }, LIMIT_MS)
    expect(code, stderr).toBe(0)
    for (const title of [
      'Clocks: ',
      'Sensors: ',
      'A value changes',
      'A notification arrives',
      'Messages, by protocol',
    ]) {
      expect(stdout).toContain(`\n${title}`)
    }
    expect(stdout.match(/✓/g)?.length).toBeGreaterThan(10)
    expect(stdout).toContain('the guest’s driver received clock CLOCK_RATE_CHANGED'.replace('’', "'"))
  },
  KERNEL_LIMIT_MS,
)
