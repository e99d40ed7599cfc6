/** Control of a guest that reboots, of a device that is killed, and of the device that `scmi-lab boot` starts. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { until } from '../../src/front-end/wait.js'
import { runCommand } from '../cli/command.js'
import { onlyValue, parseMetrics } from '../support/prometheus.js'
import { ControlledGuest } from './controlled-guest.js'
import { KERNEL_LIMIT_MS, testKernel } from './kernel.js'
import { LabCommand } from './lab-command.js'

const LIMIT_MS = 240_000
const WAIT_MS = 60_000

test(
  'power reboot: Linux restarts in order, counted as a reset of the driver; then the device is killed',
  async () => {
    const site = await ControlledGuest.start(['-action', 'reboot=reset'])
    try {
      expect(await site.ctl('power', 'reboot')).toBe('guest asked for reboot')
      await site.guest.waitForConsole(/reboot: Restarting system[\s\S]*SCMI Protocol v2\.1 'acme:everything'/, WAIT_MS)
      expect(await site.stats()).toMatchObject({ connections: 1, driver_starts: 2, driver_resets: 1 })
      expect(onlyValue(await site.scrape(), 'scmi_driver_resets_total')).toBe(1)
      const watching = site.following('watch', 'clock')
      await until(() => watching.stdout !== '', 'the first values', WAIT_MS)
      await site.device.stop('SIGKILL')
      expect([await watching.ended, watching.stderr]).toEqual([
        1,
        `vhost-user-scmi: the device at ${site.control} has stopped\n`,
      ])
      const { code, stderr } = await runCommand('ctl', '--control', site.control, 'show')
      expect([code, stderr]).toEqual([
        1,
        `vhost-user-scmi: nothing listens on ${site.control}: the device has exited\n`,
      ])
    } finally {
      await site.close()
    }
  },
  KERNEL_LIMIT_MS,
)

test(
  'scmi-lab boot --control --http --metrics opens the device that it starts',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'scmi-control-'))
    const control = join(folder, 'control')
    const open = ['--control', control, '--http', '0', '--metrics', '0']
    const command = new LabCommand(['boot', '--kernel', await testKernel(), ...open], {}, 'terminal')
    try {
      await command.heard(/guest:~# /)
      const shown = await runCommand('ctl', '--control', control, 'show')
      expect(shown.stdout).toMatch(/\n {2}1 +guest +yes /)
      expect(command.stdout).toMatch(/web view: http:\S+\?token=/)
      const [, metrics] = /metrics: (http:\S+\/metrics)/.exec(command.stdout)!
      expect(onlyValue(parseMetrics(await (await fetch(metrics!)).text()), 'scmi_driver_starts_total')).toBe(1)
      command.type('exit\n')
      expect(await command.ended).toBe(0)
    } finally {
      command.child.kill()
      rmSync(folder, { recursive: true })
    }
  },
  LIMIT_MS,
)

test('scmi-lab boot --http reports a wrong address in one line', async () => {
  const command = new LabCommand(['boot', '--kernel', await testKernel(), '--http', 'x'])
  expect(await command.ended).toBe(2)
  expect(command.stderr).toBe('scmi-lab: --http x: write PORT or HOST:PORT with a port of 0 (any free one) to 65535\n')
})
