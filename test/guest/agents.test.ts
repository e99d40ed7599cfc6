/** Two real guests on one platform: notifications, permissions, and the death of one of them. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { boot } from '../../qemu/boot/boot.js'
import { nextNotification } from '../../qemu/guest/view/drivers.js'
import { until } from '../../src/front-end/wait.js'
import { clocks } from '../../src/platform/clocks/index.js'
import { serve } from '../../src/server/serve.js'
import { complaints } from './complaints.js'
import { KERNEL_LIMIT_MS, testKernel } from './kernel.js'
import { inFolder } from './lab-command.js'

const LIMIT_MS = 180_000
const WAIT_MS = 30_000
const BASE = 0x10
const CLOCK = 0x14
const SUCCESS = 0
const DENIED = -3

/** The second guest sees two clocks only, under ids of its own. */
const PLATFORM = `
vendor: acme
agents:
  - { name: first, trusted: true }
  - { name: second, trusted: false, resources: { clocks: [bus, shared] } }
devices: [{ name: bus, resources: { clocks: [bus] } }]
clocks:
  - { name: shared, rates: [10 MHz, 20 MHz] }
  - { name: private, rate: 1 MHz }
  - { name: bus, rates: [100 MHz, 200 MHz] }
`

let kernel: string
beforeAll(async () => {
  kernel = await testKernel()
}, KERNEL_LIMIT_MS)

test(
  'rates, permissions, votes, and the end of one guest',
  () =>
    inFolder(async folder => {
      const platform = join(folder, 'two.yaml')
      writeFileSync(platform, PLATFORM)
      const paths = { first: join(folder, 'first.sock'), second: join(folder, 'second.sock') }
      const endpoints = { first: { socketPath: paths.first }, second: { socketPath: paths.second } }
      const server = await serve({ platform, endpoints, releaseAfterMs: 100 })
      const start = (socketPath: string) => boot({ kernel, platform, socketPath, cpus: 1 })
      const [first, second] = await Promise.all([start(paths.first), start(paths.second)])
      try {
        const model = server.platform.model(clocks)
        const shared = model.named('shared')
        // Each guest's ids: positions in its view.
        const [ofFirst, ofSecond] = [
          { shared: 0, bus: 2 },
          { bus: 0, shared: 1 },
        ]

        // One sets a rate; the other has subscribed and is notified, with its own id of the clock and the agent that set it.
        expect((await second.scmi(CLOCK, 0x9, [ofSecond.shared, 1])).status).toBe(SUCCESS)
        expect((await first.scmi(CLOCK, 0x5, [0, ofFirst.shared, 20e6, 0])).status).toBe(SUCCESS)
        expect(await nextNotification(second, CLOCK, 0x0)).toEqual([1, ofSecond.shared, 20e6, 0])

        // The trusted guest denies a device to the other, which may not do the same.
        expect((await second.scmi(BASE, 0x9, [1, 0, 0])).status).toBe(DENIED)
        expect((await first.scmi(BASE, 0x9, [2, 0, 0])).status).toBe(SUCCESS)
        expect((await second.scmi(CLOCK, 0x6, [ofSecond.bus])).status).toBe(DENIED)
        expect((await first.scmi(CLOCK, 0x6, [ofFirst.bus])).words).toEqual([100e6, 0])

        // Both need the clock; it runs until neither does.
        for (const [guest, id] of [
          [first, ofFirst.shared],
          [second, ofSecond.shared],
        ] as const) {
          expect((await guest.scmi(CLOCK, 0x7, [id, 1, 0])).status).toBe(SUCCESS)
        }
        expect((await first.scmi(CLOCK, 0x7, [ofFirst.shared, 0, 0])).status).toBe(SUCCESS)
        expect(shared.enabled).toBe(true)

        // What only the killed guest held is released; the other keeps working.
        expect((await first.scmi(CLOCK, 0x7, [ofFirst.bus, 1, 0])).status).toBe(SUCCESS)
        await second.kill()
        await until(() => !shared.enabled, 'the killed guest’s vote to go', WAIT_MS)
        expect(model.named('bus').enabled).toBe(true)
        expect((await first.scmi(CLOCK, 0x6, [ofFirst.shared])).words).toEqual([20e6, 0])
      } finally {
        await Promise.all([first.kill(), second.kill()])
        server.close()
      }
    }),
  LIMIT_MS,
)

/** Clock 1 and sensors 0 and 2 are granted: ids do not change, so Linux meets denied ones between and below. */
const DENIED_AT_FIRST = `
vendor: acme
agents:
  - { name: first }
  - { name: second, permissions: denied }
devices: [{ name: uart, resources: { clocks: [uart], sensors: [soc, rail] } }]
clocks:
  - { name: private, rate: 1 MHz }
  - { name: uart, rates: [24 MHz, 48 MHz] }
sensors:
  - { name: soc, type: celsius, value: 40 }
  - { name: private, type: celsius, value: 50 }
  # Not another temperature: Linux counts those where it enables them, and would send the id of the private one.
  - { name: rail, type: volt, value: 3 }
`

test(
  'a guest that is denied everything boots, and after a grant uses what it was granted',
  () =>
    inFolder(async folder => {
      const platform = join(folder, 'denied.yaml')
      writeFileSync(platform, DENIED_AT_FIRST)
      const paths = { first: join(folder, 'first.sock'), second: join(folder, 'second.sock') }
      const endpoints = { first: { socketPath: paths.first }, second: { socketPath: paths.second } }
      const server = await serve({ platform, endpoints, releaseAfterMs: 100 })
      const start = (socketPath: string) => boot({ kernel, platform, socketPath, cpus: 1 })
      const [first, second] = await Promise.all([start(paths.first), start(paths.second)])
      const clockNames = async () => (await second.check('ls /sys/kernel/debug/clk')).split(/\s+/)
      const sensorsOf = async () =>
        (await second.check('cd /sys/class/hwmon/hwmon0 && cat temp*_label temp*_input in*_label in*_input'))
          .trim()
          .split(/\s+/)
      const texts = async () => (await complaints(second)).map(text => text.replace(/.*: /, ''))
      try {
        // Linux finds a platform without protocols, and only complains that the device tree names some.
        expect(await texts()).toEqual(['SCMI protocol 20 not implemented', 'SCMI protocol 21 not implemented'])
        expect((await second.scmi(CLOCK, 0x0)).status).toBe(DENIED)
        expect((await second.scmi(BASE, 0x1)).words).toEqual([2 << 8])

        expect((await first.scmi(BASE, 0x9, [2, 0, 1])).status).toBe(SUCCESS)
        await second.reboot()
        expect(await texts()).toEqual([])
        expect(await clockNames()).toContain('uart')
        expect(await clockNames()).not.toContain('private')
        expect(await sensorsOf()).toEqual(['soc', '40000', 'rail', '3000'])

        expect((await second.scmi(BASE, 0xb, [2, 1])).status).toBe(DENIED)
        expect((await first.scmi(BASE, 0xb, [2, 1])).status).toBe(SUCCESS)
        expect((await second.scmi(CLOCK, 0x6, [1])).status).toBe(DENIED)
      } finally {
        await Promise.all([first.kill(), second.kill()])
        server.close()
      }
    }),
  LIMIT_MS,
)
