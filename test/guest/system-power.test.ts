/** The platform requests shutdown and reboot, and Linux carries them out in order. */
import { afterEach, expect, test } from 'vitest'
import { boot } from '../../qemu/boot/boot.js'
import type { Guest } from '../../qemu/guest/guest.js'
import { until } from '../../src/front-end/wait.js'
import { system } from '../../src/platform/system/index.js'
import { type System, SystemState } from '../../src/platform/system/model.js'
import { KERNEL_LIMIT_MS, testKernel } from './kernel.js'

const WAIT_MS = 60_000

let guest: Guest | undefined
afterEach(() => guest?.kill())

async function start(qemuArguments: string[] = []): Promise<{ guest: Guest; model: System }> {
  guest = await boot({ kernel: await testKernel(), platform: 'everything', qemuArguments })
  return { guest, model: guest.server!.platform.model(system) }
}

test(
  'a graceful shutdown: Linux ends its processes and powers off before the time is over',
  async () => {
    const { guest, model } = await start()
    const forced: number[] = []
    model.on('forced', state => forced.push(state))
    model.request(SystemState.SHUTDOWN, { graceful: true })
    await guest.waitForConsole(/Serving shutdown\/reboot request: 0/, WAIT_MS)
    expect(await guest.vm.exited).toBe('QEMU exited with status 0')
    expect(guest.console).toMatch(/reboot: Power down/)
    expect(forced).toEqual([])
  },
  KERNEL_LIMIT_MS,
)

test.each([
  ['cold', SystemState.COLD_RESET],
  ['warm', SystemState.WARM_RESET],
] as const)(
  'a graceful %s reset: Linux starts again and finds the platform',
  async (_, state) => {
    const { guest, model } = await start(['-action', 'reboot=reset'])
    const { device } = guest.server!
    let starts = 0
    device.on('change', change => {
      if (change === 'driver started') starts++
    })
    model.request(state, { graceful: true })
    await guest.waitForConsole(new RegExp(`Serving shutdown/reboot request: ${state}`), WAIT_MS)
    await guest.waitForConsole(/reboot: Restarting system/, WAIT_MS)
    await until(() => starts === 1, 'the driver to start again', WAIT_MS)
    await guest.waitForConsole(/Restarting system[\s\S]*SCMI Protocol v2\.1 'acme:everything'/, WAIT_MS)
  },
  KERNEL_LIMIT_MS,
)
