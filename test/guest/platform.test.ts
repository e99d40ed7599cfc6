/** Linux uses clocks and sensors that exist only in the platform file, in both directions. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { boot } from '../../qemu/boot/boot.js'
import type { Guest } from '../../qemu/guest/guest.js'
import { nextNotification } from '../../qemu/guest/view/drivers.js'
import { readClocks, readHwmon, readIio, scmiLog } from '../../qemu/guest/view.js'
import { clocks } from '../../src/platform/clocks/index.js'
import { sensors } from '../../src/platform/sensors/index.js'
import type { Server } from '../../src/server/server.js'
import { complaints } from './complaints.js'
import { KERNEL_LIMIT_MS, testKernel } from './kernel.js'

const LIMIT_MS = 120_000
const CLOCK = 0x14
const SENSOR = 0x15
const RATE_CHANGED = 0x0
const TRIP_POINT_EVENT = 0x0
const SUCCESS = 0

let guest: Guest
let server: Server
beforeAll(async () => {
  guest = await boot({ kernel: await testKernel(), platform: 'demo' })
  server = guest.server!
}, KERNEL_LIMIT_MS)
afterAll(() => guest?.close(), LIMIT_MS)

test('the kernel names the platform, and no scmi driver warns', async () => {
  expect((await scmiLog(guest)).map(({ text }) => text).join('\n')).toContain(
    "SCMI Protocol v2.1 'vhost-user-scmi:demo' Firmware version 0x10000",
  )
  expect(await complaints(guest)).toEqual([])
})

test('every clock of the platform is in clk_summary with its rate', async () => {
  const seen = new Map((await readClocks(guest)).map(clock => [clock.name, clock.rateHz]))
  const model = server.platform.model(clocks)
  expect(model.list.map(clock => [clock.name, seen.get(clock.name)])).toEqual(
    model.list.map(clock => [clock.name, clock.rateHz]),
  )
})

test('a rate set in the guest is set in the platform, rounded there, and read back by the guest', async () => {
  const uart = server.platform.model(clocks).named('uart0')
  expect(await guest.scmi(CLOCK, 0x5, [0, uart.id, 47_999_999, 0])).toEqual({ status: SUCCESS, words: [] })
  expect(uart.rateHz).toBe(24_000_000)
  await guest.scmi(CLOCK, 0x5, [0, uart.id, 48_000_000, 0])
  expect(uart.rateHz).toBe(48_000_000)
  const seen = (await readClocks(guest)).find(clock => clock.name === uart.name)
  expect(seen?.rateHz).toBe(48_000_000)
})

test('an asynchronous rate change ends with its delayed response', async () => {
  const i2c = server.platform.model(clocks).named('i2c0')
  const text = await guest.check(`scmi-raw -a 0x14 0x5 1 ${i2c.id} 50000000 0`)
  // On a busy machine the guest may see the delayed response first, and drop the reply.
  expect(text).toMatch(/^(status 0 .*\n)?delayed 0 /s)
  expect(i2c.rateHz).toBe(50_000_000)
})

test('a delayed response that comes before the reply ends the command', async () => {
  const i2c = server.platform.model(clocks).named('i2c0')
  const { id } = server.faults.add({ protocol: 'clock', message: 'CLOCK_RATE_SET', times: 1, hold: true })
  expect(await guest.check(`scmi-raw -a 0x14 0x5 1 ${i2c.id} 40000000 0`)).toMatch(/^delayed 0 /)
  server.faults.release(id)
  expect(i2c.rateHz).toBe(40_000_000)
})

test('the guest switches a clock on and off', async () => {
  const i2c = server.platform.model(clocks).named('i2c0')
  await guest.scmi(CLOCK, 0x7, [i2c.id, 1, 0])
  expect(i2c.enabled).toBe(true)
  await guest.scmi(CLOCK, 0x7, [i2c.id, 0, 0])
  expect(i2c.enabled).toBe(false)
})

test('a rate that the platform changes is notified to the guest that subscribed', async () => {
  const model = server.platform.model(clocks)
  const cpu = model.named('cpu')
  expect((await guest.scmi(CLOCK, 0x9, [cpu.id, 1])).status).toBe(SUCCESS)
  model.setRate(cpu, 408e6, 0)
  expect(await nextNotification(guest, CLOCK, RATE_CHANGED)).toEqual([0, cpu.id, 408e6, 0])
})

test('every sensor that Linux has a class for reads its value, in its unit', async () => {
  const values: Record<string, number> = {
    soc_temp: 41.25,
    cpu_temp: 98.765,
    vdd_core: 0.851,
    vdd_io: 3.298,
    board_current: 2.345,
    board_power: 12.345678,
    board_energy: 1234.567,
    battery_voltage: 7.891,
  }
  const model = server.platform.model(sensors)
  for (const [name, value] of Object.entries(values)) model.named(name).set(value)
  const seen = Object.fromEntries((await readHwmon(guest)).map(reading => [reading.name, reading.value]))
  expect(seen).toEqual(values)
  for (const name of Object.keys(values)) model.named(name).set(undefined)
})

test('the accelerometer reads through IIO, axis by axis', async () => {
  const { axes } = server.platform.model(sensors).named('accelerometer')
  const values = [-1.234, 0.5, 9.805]
  for (const [i, value] of values.entries()) axes[i]!.set(value)
  expect((await readIio(guest)).map(({ name, value }) => [name, Number(value.toFixed(6))])).toEqual([
    ['accel_x', -1.234],
    ['accel_y', 0.5],
    ['accel_z', 9.805],
  ])
})

test('an IIO buffer fills from sensor update notifications', async () => {
  const { axes } = server.platform.model(sensors).named('accelerometer')
  for (const [i, value] of [1, 2, 3].entries()) axes[i]!.set(value)
  // Three 64-bit values and a timestamp a scan.
  const words = await guest.check(
    'cd /sys/bus/iio/devices/iio:device0; for e in scan_elements/in_accel_*_en; do echo 1 >$e; done;' +
      ' echo 1 >buffer/enable; dd if=/dev/iio:device0 bs=24 count=2 2>/dev/null | od -An -v -td8 -w24; echo 0 >buffer/enable',
  )
  const scans = words
    .trim()
    .split('\n')
    .map(line => line.trim().split(/\s+/).map(Number))
  expect(scans).toEqual([
    [1000, 2000, 3000],
    [1000, 2000, 3000],
  ])
})

test('a value that crosses a trip point is notified to the guest', async () => {
  const model = server.platform.model(sensors)
  const soc = model.named('soc_temp')
  const id = model.list.indexOf(soc)
  soc.set(50)
  const RISING = 1
  expect((await guest.scmi(SENSOR, 0x5, [id, RISING, 60_000, 0])).status).toBe(SUCCESS)
  expect((await guest.scmi(SENSOR, 0x4, [id, 1])).status).toBe(SUCCESS)
  soc.set(70)
  const events = await nextNotification(guest, SENSOR, TRIP_POINT_EVENT)
  expect(events).toEqual([0, id, 1 << 16])
  soc.set(undefined)
})

test('the driver is unbound and bound again: the new driver finds a fresh device', async () => {
  const i2c = server.platform.model(clocks).named('i2c0')
  await guest.scmi(CLOCK, 0x7, [i2c.id, 1, 0])
  const versionsAsked = (): number =>
    server.device
      .stats()
      .protocols.find(({ name }) => name === 'base')!
      .messages.find(({ name }) => name === 'PROTOCOL_VERSION')!.succeeded
  const before = versionsAsked()
  await guest.check(
    'cd /sys/bus/virtio/drivers/scmi-virtio; d=$(basename $(ls -d virtio*)); t=/sys/bus/platform/drivers/scmi_virtio_transport;' +
      ' p=$(basename $(ls -d $t/*scmi*)); echo $p >$t/unbind; echo $d >unbind; echo $d >bind; echo $p >$t/bind 2>/dev/null || true',
  )
  expect(versionsAsked()).toBe(before + 1)
  expect(i2c.enabled).toBe(false)
})

test('nothing went wrong in the device', () => {
  const stats = server.device.stats()
  expect(stats).toMatchObject({ internalErrors: 0, unanswerable: 0, unknownProtocol: 0, notificationsDropped: 0 })
})
