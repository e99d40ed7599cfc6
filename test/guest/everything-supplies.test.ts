/** Linux on the preset `everything`: regulators, resets and pins in both directions. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { boot } from '../../qemu/boot/boot.js'
import type { Guest } from '../../qemu/guest/guest.js'
import { consumer, loadConsumers } from '../../qemu/guest/view/consumers.js'
import { nextNotification, readPinctrl, regulatorFolders } from '../../qemu/guest/view/drivers.js'
import { pins } from '../../src/platform/pins/index.js'
import type { PinTarget } from '../../src/platform/pins/model.js'
import { resets } from '../../src/platform/resets/index.js'
import { COLD_RESET } from '../../src/platform/resets/model.js'
import { voltages } from '../../src/platform/voltages/index.js'
import { OFF, ON } from '../../src/platform/voltages/model.js'
import type { Server } from '../../src/server/server.js'
import { expectNoFault } from './complaints.js'
import { KERNEL_LIMIT_MS, testKernel } from './kernel.js'

const LIMIT_MS = 120_000
const WAIT_MS = 30_000
const RESET = 0x16
const SUCCESS = 0
/** Pin configuration types (SCMI v3.2 §4.11.1). */
const DRIVE_STRENGTH = 10
const INPUT_VALUE = 14
const OUTPUT_VALUE = 18
const POWER_SOURCE = 19
const SLEW_RATE = 20

/**
 * Linux logs this whenever debugfs lists the values of groups, for each kind of value that SCMI has no number for, without
 * asking the platform.
 */
const OWN_COMPLAINT = /Error map pinconf_type -22/

let guest: Guest
let server: Server
beforeAll(async () => {
  guest = await boot({ kernel: await testKernel(), platform: 'everything' })
  server = guest.server!
  await loadConsumers(guest)
}, KERNEL_LIMIT_MS)
afterAll(() => guest?.close(), LIMIT_MS)

const voltage = (name: string) => server.platform.model(voltages).named(name)
const reset = (name: string) => server.platform.model(resets).named(name)
const pin = (name: string) => server.platform.model(pins).named(name)
const group = (name: string) => server.platform.model(pins).groups.find(group => group.name === name)!
const valuesOf = (target: PinTarget, type: number): number[] => (target.settings(type) ?? []).map(({ value }) => value)

test(
  'regulator: there is one for each voltage domain, with its voltage and state',
  async () => {
    const folders = await regulatorFolders(guest)
    for (const domain of server.platform.model(voltages).list) {
      expect(await guest.readFile(`${folders[domain.name]}/microvolts`)).toBe(`${domain.level}\n`)
      const state = domain.mode === OFF ? 'disabled' : 'enabled'
      expect(await guest.readFile(`${folders[domain.name]}/state`)).toBe(`${state}\n`)
    }
  },
  LIMIT_MS,
)

test.each([
  ['a list', 'vdd_cpu', 850_000],
  ['a range', 'vdd_gpu', 1_012_500],
  ['a range, asynchronously', 'vdd_memory_controller', 1_230_000],
])(
  'regulator: a driver sets a voltage of %s',
  async (_, name, microvolts) => {
    await consumer(guest, 'regulators', name).write('microvolts', microvolts)
    expect(voltage(name).level).toBe(microvolts)
    expect(await consumer(guest, 'regulators', name).read('microvolts')).toBe(String(microvolts))
  },
  LIMIT_MS,
)

test(
  'regulator: a voltage that the platform changes is read',
  async () => {
    server.platform.model(voltages).setLevel(voltage('vdd_gpu'), 600_000, 0)
    expect(await consumer(guest, 'regulators', 'vdd_gpu').read('microvolts')).toBe('600000')
  },
  LIMIT_MS,
)

test(
  'regulator: a driver switches it on and off, and sees what the platform does',
  async () => {
    const gpu = consumer(guest, 'regulators', 'vdd_gpu')
    const state = async (): Promise<string> => guest.readFile(`${(await regulatorFolders(guest)).vdd_gpu}/state`)
    await gpu.write('enabled', 1)
    expect(voltage('vdd_gpu').mode).toBe(ON)
    expect(await state()).toBe('enabled\n')
    await gpu.write('enabled', 0)
    expect(voltage('vdd_gpu').mode).toBe(OFF)
    expect(await state()).toBe('disabled\n')
    server.platform.model(voltages).setMode(voltage('vdd_gpu'), ON, 0)
    expect(await state()).toBe('enabled\n')
    server.platform.model(voltages).setMode(voltage('vdd_gpu'), OFF, 0)
  },
  LIMIT_MS,
)

test(
  'regulator: a level that agents may not change is refused by Linux itself',
  async () => {
    const hub = consumer(guest, 'regulators', 'vdd_sensor_hub')
    await expect(hub.write('microvolts', 1_800_000)).rejects.toThrow('Operation not permitted')
    expect(voltage('vdd_sensor_hub').level).toBe(1_200_000)
  },
  LIMIT_MS,
)

test(
  'reset: a driver asserts and deasserts the line',
  async () => {
    const uart = consumer(guest, 'resets', 'rst_uart')
    await uart.write('asserted', 1)
    expect(reset('rst_uart').asserted).toBe(true)
    await uart.write('asserted', 0)
    expect(reset('rst_uart').asserted).toBe(false)
  },
  LIMIT_MS,
)

test(
  'reset: a whole reset, at once and asynchronously, reaches the platform and ends',
  async () => {
    const issued: [string, number, number][] = []
    server.platform.model(resets).on('issued', (domain, agentId, state) => issued.push([domain.name, agentId, state]))
    for (const name of ['rst_watchdog', 'rst_display_controller', 'rst_gpu']) {
      await consumer(guest, 'resets', name).write('reset', 1)
      expect(issued.pop()).toEqual([name, server.device.agent.id, COLD_RESET])
      expect(reset(name).asserted).toBe(false)
    }
  },
  LIMIT_MS,
)

test(
  'reset: one that the platform issues is notified to the guest that subscribed',
  async () => {
    const { id } = reset('rst_uart')
    expect((await guest.scmi(RESET, 0x5, [id, 1])).status).toBe(SUCCESS)
    server.platform.model(resets).reset(reset('rst_uart'), COLD_RESET, 0)
    expect(await nextNotification(guest, RESET, 0x0)).toEqual([0, id, COLD_RESET])
  },
  LIMIT_MS,
)

test(
  'pin control: Linux knows the pins, the groups with their pins, and the functions with their groups',
  async () => {
    const model = server.platform.model(pins)
    const names = [...(await readPinctrl(guest, 'pins')).matchAll(/^pin \d+ \((\S+)\)/gm)].map(([, name]) => name)
    expect(names).toEqual(model.list.map(({ name }) => name))
    const groups = (await readPinctrl(guest, 'pingroups')).split(/^group: /m).slice(1)
    expect(groups.map(text => [...text.matchAll(/^(\w+)$|\((\w+)\)/gm)].map(([, name, pin]) => name ?? pin))).toEqual(
      model.groups.map(({ name, pins }) => [name, ...pins.map(({ name }) => name)]),
    )
    const functions = [...(await readPinctrl(guest, 'pinmux-functions')).matchAll(/: (\S+), groups = \[ (.*) \]/g)]
    const ofGroups = model.functions.filter(({ pinOnly }) => !pinOnly)
    expect(functions.slice(0, ofGroups.length).map(([, name, groups]) => [name, ...groups!.split(' ')])).toEqual(
      ofGroups.map(({ name, groups }) => [name, ...groups.map(({ name }) => name)]),
    )
  },
  LIMIT_MS,
)

test(
  'pin control: a driver selects functions of a group, and holds its pins',
  async () => {
    const uart = consumer(guest, 'pin-groups', 'grp_uart')
    for (const name of ['fn_uart', 'fn_gpio']) {
      await uart.write('state', name)
      expect(await uart.read('state')).toBe(name)
      expect(group('grp_uart').function?.name).toBe(name)
    }
    expect(await readPinctrl(guest, 'pinmux-pins')).toMatch(
      /pin 0 \(pin_uart_tx\): (device )?scmi-lab:pin-group-0 .*function fn_gpio group grp_uart/,
    )
    expect(pin('pin_uart_rx').holder).toBe(server.device.agent.id)
  },
  LIMIT_MS,
)

test(
  'pin control: a driver sets the configuration of a group and of a pin',
  async () => {
    const serial = consumer(guest, 'pin-groups', 'grp_i2c')
    for (const [state, slew] of [
      ['highest', 3],
      ['lowest', 0],
    ] as const) {
      await serial.write('state', state)
      expect(valuesOf(group('grp_i2c'), SLEW_RATE)).toEqual([slew, slew])
    }
    await consumer(guest, 'pins', 'pin_uart_tx').write('state', 'highest')
    expect(valuesOf(pin('pin_uart_tx'), DRIVE_STRENGTH)).toEqual([12])
    expect(valuesOf(pin('pin_uart_rx'), DRIVE_STRENGTH)).toEqual([2])
    await consumer(guest, 'pins', 'pin_led').write('state', 'highest')
    expect(valuesOf(pin('pin_led'), OUTPUT_VALUE)).toEqual([1])
  },
  LIMIT_MS,
)

test(
  'pin control: values that the platform changes are read, of pins and of groups',
  async () => {
    const model = server.platform.model(pins)
    const line = (text: string, name: string): string => text.split('\n').find(line => line.includes(`(${name})`)) ?? ''
    model.configure(group('grp_uart'), POWER_SOURCE, 1800, 0)
    expect(line(await readPinctrl(guest, 'pinconf-groups'), 'grp_uart')).toContain('pin power source (1800 selector)')
    for (const value of [0, 1]) {
      model.configure(pin('pin_push_button_front'), INPUT_VALUE, value, 0)
      const button = line(await readPinctrl(guest, 'pinconf-pins'), 'pin_push_button_front')
      expect(button.includes('(1 level)')).toBe(value === 1)
    }
  },
  LIMIT_MS,
)

test(
  'unloading the consumers’ module switches off what they switched on, and frees what they held',
  async () => {
    await consumer(guest, 'regulators', 'vdd_gpu').write('enabled', 1)
    await guest.check('rmmod lab_consumer')
    await expect.poll(() => voltage('vdd_gpu').mode, { timeout: WAIT_MS }).toBe(OFF)
    expect(pin('pin_uart_rx').holder).toBe(undefined)
    await loadConsumers(guest)
  },
  LIMIT_MS,
)

test('no scmi driver warned, and nothing went wrong in the device', () => expectNoFault(guest, OWN_COMPLAINT), LIMIT_MS)
