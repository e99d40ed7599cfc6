/** The thermal loop in a real guest: cpufreq raises the level, power heats the sensor, the platform throttles. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { boot } from '../../qemu/boot/boot.js'
import { nextNotification } from '../../qemu/guest/view/drivers.js'
import { readHwmon } from '../../qemu/guest/view.js'
import { until } from '../../src/front-end/wait.js'
import { perfDomains } from '../../src/platform/perf-domains/index.js'
import { KERNEL_LIMIT_MS, testKernel } from './kernel.js'
import { inFolder } from './lab-command.js'

const LIMIT_MS = 180_000
const WAIT_MS = 30_000
const SENSOR = 0x15
const RISING = 1

/** K/W, J/K, °C: the temperature follows the power with a time constant of 4 s. */
const RESISTANCE = 40
const CAPACITANCE = 0.1
const AMBIENT = 25
/** Watts at the lowest and at the highest level. */
const LOW = 0.4
const HIGH = 1.5
const TRIP = 50
const THROTTLE = 60

const PLATFORM = `
vendor: acme
clocks: [{ name: cpu_clk, rates: [600 MHz, 1.2 GHz], critical: true }]
perf_domains:
  - name: cpu
    levels:
      - { level: 600, power: ${LOW * 1000}, frequency: 600 MHz }
      - { level: 1200, power: ${HIGH * 1000}, frequency: 1.2 GHz }
    level: 600
    clock: cpu_clk
sensors:
  - name: cpu_temp
    type: celsius
    scale: -3
    trip_points: 1
    update_intervals: [10 ms]
    value: { thermal: { of: [cpu], resistance: ${RESISTANCE}, capacitance: ${CAPACITANCE}, ambient: ${AMBIENT} } }
    throttle: [{ above: ${THROTTLE}, hysteresis: 5, perf: cpu, to: 600, interval: 10 ms }]
`

/** First-order step response: from `from` towards the temperature of `power`, after `seconds`. */
function temperature(from: number, power: number, seconds: number): number {
  const settled = AMBIENT + power * RESISTANCE
  return settled + (from - settled) * Math.exp(-seconds / (RESISTANCE * CAPACITANCE))
}

let kernel: string
beforeAll(async () => {
  kernel = await testKernel()
}, KERNEL_LIMIT_MS)

test(
  'a guest that raises its frequency gets hot, crosses the trip point, and is throttled, as the model predicts',
  () =>
    inFolder(async folder => {
      const platform = join(folder, 'hot.yaml')
      writeFileSync(platform, PLATFORM)
      const guest = await boot({ kernel, platform, append: ['cpufreq.default_governor=userspace'], cpus: 1 })
      try {
        const server = guest.server!
        const { time } = server.platform
        const model = server.platform.model(perfDomains)
        const cpu = model.named('cpu')
        const policy = '/sys/devices/system/cpu/cpufreq/policy0'
        await guest.writeFile(`${policy}/scaling_governor`, 'userspace')
        await guest.writeFile(`${policy}/scaling_setspeed`, '600000')
        const read = async (): Promise<number> => (await readHwmon(guest))[0]!.value
        const settled = temperature(AMBIENT, LOW, Number.POSITIVE_INFINITY)
        await expect.poll(read, { timeout: WAIT_MS }).toBeCloseTo(settled, 1)
        expect((await guest.scmi(SENSOR, 0x5, [0, RISING, TRIP * 1000, 0])).status).toBe(0)
        expect((await guest.scmi(SENSOR, 0x4, [0, 1])).status).toBe(0)

        let raisedUs = 0
        let throttledUs = 0
        model.on('levelChanged', domain => {
          time.refresh()
          if (domain.level.level === 1200) raisedUs = time.nowUs
        })
        model.on('limitsChanged', domain => {
          time.refresh()
          if (domain.max.level === 600 && throttledUs === 0) throttledUs = time.nowUs
        })
        await guest.writeFile(`${policy}/scaling_setspeed`, '1200000')
        expect(cpu.level.level).toBe(1200)

        // What the guest reads lies between the model's values before and after the read, within 1 %.
        time.refresh()
        const before = temperature(settled, HIGH, (time.nowUs - raisedUs) / 1e6)
        const seen = await read()
        time.refresh()
        const after = temperature(settled, HIGH, (time.nowUs - raisedUs) / 1e6)
        expect(seen).toBeGreaterThan(before * 0.99)
        expect(seen).toBeLessThan(after * 1.01)

        expect(await nextNotification(guest, SENSOR, 0x0)).toEqual([0, 0, 1 << 16])
        await until(() => throttledUs > 0, 'the platform to throttle', WAIT_MS)
        const heatSeconds = (throttledUs - raisedUs) / 1e6
        // The platform polls every 10 ms, late on a busy machine: what counts is the temperature at that time.
        expect(temperature(settled, HIGH, heatSeconds)).toBeGreaterThan(THROTTLE * 0.99)
        expect(temperature(settled, HIGH, heatSeconds - 0.1)).toBeLessThan(THROTTLE * 1.01)
        await expect
          .poll(async () => Number(await guest.readFile(`${policy}/scaling_max_freq`)), { timeout: WAIT_MS })
          .toBe(600000)
        await until(() => cpu.level.level === 600, 'the level to follow', WAIT_MS)
      } finally {
        await guest.kill()
      }
    }),
  LIMIT_MS,
)
