/** `npm run demo`, without the installation and build before it. */
import { expect, test } from 'vitest'
import { KERNEL_LIMIT_MS, testKernel } from './kernel.js'
import { runLab } from './lab-command.js'

const LIMIT_MS = 300_000

test(
  'the demo shows clocks, sensors, a change and a notification, and guest and platform agree',
  async () => {
    // Builds the default kernel, which the demo boots, unless it is cached.
    await testKernel()
    // CI would switch colours on.
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
