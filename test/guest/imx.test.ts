/** Linux's own i.MX drivers on the preset `imx95`, whose protocols are plug-ins. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { boot } from '../../qemu/boot/boot.js'
import type { Guest } from '../../qemu/guest/guest.js'
import { batteryBacked } from '../../src/plugins/imx/kinds.js'
import { KERNEL_LIMIT_MS, testKernel } from './kernel.js'

const LIMIT_MS = 120_000

let guest: Guest
beforeAll(async () => {
  guest = await boot({ kernel: await testKernel(), platform: 'imx95' })
}, KERNEL_LIMIT_MS)
afterAll(() => guest?.close(), LIMIT_MS)

test('every i.MX driver is bound to its protocol', async () => {
  const bound = await guest.check('ls -d /sys/bus/scmi_protocol/drivers/scmi-imx-*/scmi_dev.*')
  const drivers = [...bound.matchAll(/(scmi-imx-[a-z-]+)\//g)].map(([, name]) => name)
  expect(drivers.sort()).toEqual(['bbm-key', 'bbm-rtc', 'cpu', 'lmm', 'misc-ctrl'].map(name => `scmi-imx-${name}`))
})

test('the real-time clock is set and read in the guest, and runs in the platform', async () => {
  const rtc = (await guest.check('grep -l scmi-imx-bbm-rtc /sys/class/rtc/*/name')).trim().replace('/name', '')
  const device = rtc.replace('/sys/class/rtc', '/dev')
  await guest.check(`date -u -s "2031-05-06 07:08:00" >/dev/null && hwclock -u -w -f ${device}`)
  const seconds = Number(await guest.readFile(`${rtc}/since_epoch`))
  const set = Date.UTC(2031, 4, 6, 7, 8) / 1000
  expect(seconds).toBeGreaterThanOrEqual(set)
  expect(seconds).toBeLessThan(set + 60)
})

test('a button pressed in the platform is a key press in the guest', async () => {
  const model = guest.server!.platform.model(batteryBacked)
  // struct input_event, the first one: 16 bytes of time, type 1 (EV_KEY), code 116 (KEY_POWER), value 1 (pressed).
  const read = guest.check('head -c 24 /dev/input/event0 | od -An -v -j16 -td2 -w8')
  await expect
    .poll(() => guest.check('ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c /dev/input/event0 || true'))
    .not.toBe('0\n')
  model.press()
  expect((await read).trim().split(/\s+/).map(Number)).toEqual([1, 116, 1, 0])
  model.release()
})
