/** Linux on the preset `everything`: its drivers bind, and clocks and sensors work in both directions. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { boot } from '../../qemu/boot/boot.js'
import type { Guest } from '../../qemu/guest/guest.js'
import { consumer, loadConsumers } from '../../qemu/guest/view/consumers.js'
import { boundDrivers, thermalFolders } from '../../qemu/guest/view/drivers.js'
import { readClocks, readHwmon, readIio } from '../../qemu/guest/view.js'
import { loadPlatform } from '../../src/loading/load.js'
import { DUTY_CYCLE } from '../../src/platform/clocks/clock.js'
import { clocks } from '../../src/platform/clocks/index.js'
import { perfDomains } from '../../src/platform/perf-domains/index.js'
import { pins } from '../../src/platform/pins/index.js'
import { powerDomains } from '../../src/platform/power-domains/index.js'
import { resets } from '../../src/platform/resets/index.js'
import { sensors } from '../../src/platform/sensors/index.js'
import { voltages } from '../../src/platform/voltages/index.js'
import type { Server } from '../../src/server/server.js'
import { expectNoFault } from './complaints.js'
import { KERNEL_LIMIT_MS, testKernel } from './kernel.js'

const LIMIT_MS = 120_000
const WAIT_MS = 30_000
/** Sensor types that hwmon has: degrees Celsius, volt, ampere, watt, joule (SCMI v3.2 §4.7.2.5). */
const HWMON = [2, 5, 6, 7, 8]

let guest: Guest
let server: Server
beforeAll(async () => {
  guest = await boot({ kernel: await testKernel(), platform: 'everything' })
  server = guest.server!
}, KERNEL_LIMIT_MS)
afterAll(() => guest?.close(), LIMIT_MS)

const clock = (name: string) => server.platform.model(clocks).named(name)
const sensor = (name: string) => server.platform.model(sensors).named(name)

test(
  'every client driver of Linux is bound',
  async () => {
    expect(await boundDrivers(guest)).toEqual([
      'scmi-clocks',
      'scmi-cpufreq',
      'scmi-hwmon',
      'scmi-perf-domain',
      'scmi-pinctrl',
      'scmi-power-domain',
      'scmi-powercap',
      'scmi-regulator',
      'scmi-reset',
      'scmi-sensor-iiodev',
      'scmi-system-power',
    ])
  },
  LIMIT_MS,
)

test('a clock that no driver uses is switched off when Linux has started, unless it must stay on', async () => {
  const { platform } = await loadPlatform('everything')
  const started = platform.model(clocks).list.filter(({ enabled }) => enabled)
  for (const { name, critical, permissions } of started) {
    const isFed = clock(name).children.some(({ enabled }) => enabled)
    expect(clock(name).enabled, name).toBe(critical || isFed || !permissions.state)
  }
})

test(
  'the lab’s driver finds a consumer for each resource',
  async () => {
    await loadConsumers(guest)
    const counts = await guest.check('cd /sys/kernel/debug/scmi-lab; for k in *; do echo $k $(ls $k | wc -l); done')
    const { platform } = server
    expect(counts.trim().split('\n')).toEqual([
      `clocks ${platform.model(clocks).list.length}`,
      `perf-domains ${platform.model(perfDomains).list.length}`,
      `pin-groups ${platform.model(pins).groups.length}`,
      expect.stringMatching(/^pins [1-9]/),
      `power-domains ${platform.model(powerDomains).list.filter(({ sync }) => sync).length}`,
      `regulators ${platform.model(voltages).list.length}`,
      `resets ${platform.model(resets).list.length}`,
    ])
  },
  LIMIT_MS,
)

test(
  'clock: a rate set by a driver is rounded and set in the platform; one that the platform sets is read',
  async () => {
    const uart = consumer(guest, 'clocks', 'clk_uart')
    await uart.write('rate', 47_999_999)
    expect(clock('clk_uart').rateHz).toBe(24e6)
    await uart.write('rate', 48e6)
    expect(clock('clk_uart').rateHz).toBe(48e6)
    expect(await uart.read('rate')).toBe('48000000')
    server.platform.model(clocks).setRate(clock('clk_uart'), 1_843_200, 0)
    expect(await uart.read('rate')).toBe('1843200')
  },
  LIMIT_MS,
)

test(
  'clock: a driver’s rate within a range goes up to the next step',
  async () => {
    const pixel = consumer(guest, 'clocks', 'clk_display_pixel')
    await pixel.write('rate', 148_500_001)
    expect(clock('clk_display_pixel').rateHz).toBe(148_625_000)
    expect(await pixel.read('rate')).toBe('148625000')
  },
  LIMIT_MS,
)

test(
  'clock: a driver switches it on and off',
  async () => {
    const pixel = consumer(guest, 'clocks', 'clk_display_pixel')
    await pixel.write('enabled', 1)
    expect(clock('clk_display_pixel').enabled).toBe(true)
    expect((await readClocks(guest)).find(({ name }) => name === 'clk_display_pixel')?.enableCount).toBe(1)
    await pixel.write('enabled', 0)
    expect(clock('clk_display_pixel').enabled).toBe(false)
  },
  LIMIT_MS,
)

test(
  'clock: Linux takes over the parent at start, and a driver selects another',
  async () => {
    const { list } = server.platform.model(clocks)
    const mux = list.find(({ parents, permissions }) => parents.length > 1 && permissions.parent)!
    const other = mux.parents.find(parent => parent !== mux.parent)!
    const consumed = consumer(guest, 'clocks', mux.name)
    expect(await consumed.read('parent')).toBe(mux.parent!.name)
    await consumed.write('parent', other.name)
    expect(mux.parent).toBe(other)
    expect(await consumed.read('parent')).toBe(other.name)
  },
  LIMIT_MS,
)

test(
  'clock: the duty cycle in both directions',
  async () => {
    const pixel = consumer(guest, 'clocks', 'clk_display_pixel')
    expect(await pixel.read('duty_percent')).toBe('50')
    await pixel.write('duty_percent', 30)
    expect(clock('clk_display_pixel').extended.get(DUTY_CYCLE)).toBe(30)
    clock('clk_display_pixel').extended.set(DUTY_CYCLE, 75)
    expect(await pixel.read('duty_percent')).toBe('75')
  },
  LIMIT_MS,
)

test(
  'clock: a critical one keeps running when its driver switches it off',
  async () => {
    const xtal = consumer(guest, 'clocks', 'clk_xtal')
    await xtal.write('enabled', 1)
    await xtal.write('enabled', 0)
    expect(clock('clk_xtal').enabled).toBe(true)
  },
  LIMIT_MS,
)

test(
  'hwmon: every sensor of a class that Linux has reads its value, in its unit',
  async () => {
    const { list } = server.platform.model(sensors)
    const known = list.filter(({ axes, type }) => axes.length === 1 && HWMON.includes(type))
    for (const [i, sensor] of known.entries()) sensor.set(1.25 * (i + 1))
    const seen = Object.fromEntries((await readHwmon(guest)).map(({ name, value }) => [name, value]))
    expect(seen).toEqual(Object.fromEntries(known.map(({ name }, i) => [name, 1.25 * (i + 1)])))
    for (const sensor of known) sensor.set(undefined)
  },
  LIMIT_MS,
)

/** The sensor with three axes, which is an IIO device in Linux. */
const motion = () => server.platform.model(sensors).list.find(({ axes }) => axes.length === 3)!

test(
  'IIO: each axis reads its value',
  async () => {
    const values = [-1.5, 0.25, 3.125]
    for (const [i, value] of values.entries()) motion().axes[i]!.set(value)
    expect((await readIio(guest)).map(({ name, value }) => [name.slice(-2), Number(value.toFixed(6))])).toEqual([
      ['_x', -1.5],
      ['_y', 0.25],
      ['_z', 3.125],
    ])
  },
  LIMIT_MS,
)

test(
  'IIO: the sampling frequency that user space sets is the sensor’s update interval',
  async () => {
    const [path] = (await guest.check('ls /sys/bus/iio/devices/iio:device0/in_*_sampling_frequency')).split('\n')
    const offered = (await guest.readFile(`${path}_available`)).trim().split(' ')
    for (const frequency of [offered.at(0)!, offered.at(-1)!]) {
      await guest.writeFile(path!, frequency)
      expect(motion().interval.us).toBe(1e6 / Number(frequency))
      expect(await guest.readFile(path!)).toBe(`${frequency}\n`)
    }
  },
  LIMIT_MS,
)

test(
  'IIO: a buffer fills with timed updates while it is on, and the sensor is off otherwise',
  async () => {
    const gyroscope = motion()
    for (const [i, value] of [1, 2, 3].entries()) gyroscope.axes[i]!.set(value)
    expect(gyroscope.enabled).toBe(false)
    const words = await guest.check(
      'cd /sys/bus/iio/devices/iio:device0; for e in scan_elements/in_*_en; do echo 1 >$e; done; echo 1 >buffer/enable;' +
        ' dd if=/dev/iio:device0 bs=32 count=3 2>/dev/null | od -An -v -td8 -w32; echo 0 >buffer/enable',
    )
    const scans = words
      .trim()
      .split('\n')
      .map(line => line.trim().split(/\s+/).map(Number))
    expect(scans.map(scan => scan.slice(0, 3))).toEqual(
      [1, 2, 3].map(() => gyroscope.axes.map(({ scale }, i) => Math.round((i + 1) / 10 ** scale))),
    )
    const times = scans.map(scan => scan[3]!)
    expect(times[1]).toBeGreaterThan(times[0]!)
    expect(times[2]).toBeGreaterThan(times[1]!)
    await expect.poll(() => gyroscope.enabled, { timeout: WAIT_MS }).toBe(false)
  },
  LIMIT_MS,
)

test(
  'thermal: Linux slows the CPUs down while a sensor gets hotter, and speeds them up when it cools down',
  async () => {
    const zone = (await thermalFolders(guest))['temp_soc-0']
    const { list } = server.platform.model(perfDomains)
    const cpus = list.filter(({ name }) => name.includes('cpu'))
    const levels = (): number[] => cpus.map(({ level }) => level.level)
    const before = levels()
    // Linux takes a step for each poll that finds a higher or a lower temperature.
    let celsius = 90
    const after = (step: number) => (): number[] => {
      sensor('temp_soc').set((celsius += step))
      return levels()
    }
    await expect.poll(after(0.5), { timeout: WAIT_MS, interval: 200 }).toEqual(cpus.map(({ lowest }) => lowest.level))
    expect(Number(await guest.readFile(`${zone}/temp`))).toBeGreaterThan(90_000)
    celsius = 80
    await expect.poll(after(-0.5), { timeout: WAIT_MS, interval: 200 }).toEqual(before)
    sensor('temp_soc').set(undefined)
  },
  LIMIT_MS,
)

test('no scmi driver warned, and nothing went wrong in the device', () => expectNoFault(guest), LIMIT_MS)
