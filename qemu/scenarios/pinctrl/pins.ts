import { pins } from '../../../src/platform/pins/index.js'
import type { PinTarget } from '../../../src/platform/pins/model.js'
import { expectCall } from '../../runner/calls.js'
import type { Context } from '../../runner/context.js'
import { family, type Scenario } from '../../runner/scenario.js'

/** Types of the configuration, by SCMI v3.2 §4.11.1. */
const DRIVE_STRENGTH = 10
const INPUT_VALUE = 14
const SLEW_RATE = 20

const strength = (value: number) => ({ drive_strength: { values: [2, 4, 8, 12], value } })
const slew = { slew_rate: { range: { min: 0, max: 3 } } }
const PINS = [
  { name: 'tx', configs: { bias_disable: 0, ...strength(4) } },
  { name: 'rx', configs: { bias_disable: 0, ...strength(2), input_value: 1 } },
  { name: 'clock_of_the_serial_bus', configs: { bias_pull_up: 1, ...slew } },
  { name: 'data', configs: { bias_pull_up: 1, ...slew } },
  // As many values as two replies take.
  {
    name: 'vendors',
    configs: { oem: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [String(200 + i), i * i])) },
  },
]
const GROUPS = [
  { name: 'uart', pins: ['tx', 'rx'] },
  { name: 'serial_bus_of_the_board', pins: ['clock_of_the_serial_bus', 'data'] },
]
const FUNCTIONS = [
  { name: 'fn_uart', groups: ['uart'] },
  { name: 'fn_gpio', groups: ['uart', 'serial_bus_of_the_board'], gpio: true },
  { name: 'fn_serial_bus', groups: ['serial_bus_of_the_board'] },
]
const [TX, RX, , , VENDORS] = [0, 1, 2, 3, 4]
const [PIN, GROUP, FUNCTION] = [0, 1, 2]
const SELECTS = 'pinctrl-scmi.c:pinctrl_scmi_func_set_mux'
const SETS = 'pinctrl-scmi.c:pinctrl_scmi_pinconf_set, pinctrl_scmi_pinconf_group_set'

const model = (t: Context) => t.server.platform.model(pins)
const pin = (t: Context, name: string) => model(t).named(name)
const group = (t: Context, name: string) => model(t).groups.find(group => group.name === name)!
const valuesOf = (target: PinTarget, type: number): number[] => (target.settings(type) ?? []).map(({ value }) => value)

/** A driver selects a state of its pins. */
async function select(t: Context, what: string, because: string, words: string[], is: string): Promise<void> {
  await t.expect(what, { because, got: () => t.call('use', words), is })
}

const scenarios: Record<string, Omit<Scenario, 'platform'>> = {
  driver: {
    summary: 'a driver selects functions and values for its pins: the platform has them, and other pins are as before',
    async run(t) {
      for (const name of ['fn_gpio', 'fn_uart']) {
        await t.step(`select ${name}`)
        await select(t, `${name} is selected`, SELECTS, ['pin-groups', 'uart', 'state', name], name)
        await t.expect(`the platform has ${name}`, {
          because: SELECTS,
          got: () => group(t, 'uart').function?.name,
          is: name,
        })
      }
      await t.expect('the agent holds the pins', {
        because: 'pinctrl-scmi.c:pinctrl_scmi_request',
        got: () => ['tx', 'rx', 'data'].map(name => pin(t, name).holder),
        is: [t.device.agent.id, t.device.agent.id, undefined],
      })
      await t.expect('another group has no function', {
        because: SELECTS,
        got: () => group(t, 'serial_bus_of_the_board').function,
        is: undefined,
      })
      await t.step('configure a group, then a pin')
      await select(
        t,
        'the group is set',
        SETS,
        ['pin-groups', 'serial_bus_of_the_board', 'state', 'highest'],
        'highest',
      )
      await t.expect('each of its pins has the value', {
        because: SETS,
        got: () => valuesOf(group(t, 'serial_bus_of_the_board'), SLEW_RATE),
        is: [3, 3],
      })
      await select(t, 'the pin is set', SETS, ['pins', 'tx', 'state', 'highest'], 'highest')
      await t.expect('it has the value, its neighbour does not', {
        because: SETS,
        got: () => ['tx', 'rx'].flatMap(name => valuesOf(pin(t, name), DRIVE_STRENGTH)),
        is: [12, 2],
      })
      await t.step('the platform changes a value')
      model(t).configure(pin(t, 'rx'), DRIVE_STRENGTH, 8, 0)
      await t.expect('the kernel reads it', {
        because: 'pinctrl-scmi.c:pinctrl_scmi_pinconf_get asks the platform',
        got: () => t.call('pin_shown', ['rx']),
        is: /output drive strength \(8 mA\)/,
      })
    },
  },
  operations: {
    summary: "the protocol's operations: names, groups, functions, values one by one and all at once, request and free",
    async run(t) {
      const names = 'pinctrl.c:scmi_pinctrl_attributes'
      for (const [type, list] of [PINS, GROUPS, FUNCTIONS].entries()) {
        await expectCall(
          t,
          `there are ${list.length} of type ${type}`,
          names,
          `pinctrl count_get ${type}`,
          String(list.length),
        )
        for (const [id, { name }] of list.entries()) {
          await expectCall(t, `${id} of type ${type} is ${name}`, names, `pinctrl name_get ${id} ${type}`, name)
        }
      }
      const lists = 'pinctrl.c:scmi_pinctrl_list_associations'
      await expectCall(t, 'pins of a group', lists, 'pinctrl group_pins_get 1', '2 3')
      await expectCall(t, 'groups of a function', lists, 'pinctrl function_groups_get 1', '0 1')
      await t.step('values')
      const reads = 'pinctrl.c:scmi_pinctrl_settings_get'
      await expectCall(t, 'one value', reads, `pinctrl settings_get_one ${TX} ${PIN} ${DRIVE_STRENGTH}`, '4')
      await expectCall(
        t,
        "a group's, of its first pin",
        reads,
        `pinctrl settings_get_one 0 ${GROUP} ${DRIVE_STRENGTH}`,
        '4',
      )
      await expectCall(t, 'all values of a pin', reads, `pinctrl settings_get_all ${RX} ${PIN}`, '2=0\n10=2\n14=1')
      const vendors = Array.from({ length: 20 }, (_, i) => `${200 + i}=${i * i}`).join('\n')
      await expectCall(t, 'all values, in two replies', reads, `pinctrl settings_get_all ${VENDORS} ${PIN}`, vendors)
      await expectCall(
        t,
        'a value that there is not',
        reads,
        `pinctrl settings_get_one ${TX} ${PIN} ${SLEW_RATE}`,
        /^[A-Z]/,
      )
      await t.step('set two values of a pin')
      const sets = 'pinctrl.c:scmi_pinctrl_settings_conf'
      await expectCall(t, 'they are set', sets, `pinctrl settings_conf ${VENDORS} ${PIN} 201 7 219 8`, 'done')
      await t.expect('the platform has them', {
        because: sets,
        got: () => [201, 202, 219].flatMap(type => valuesOf(pin(t, 'vendors'), type)),
        is: [7, 4, 8],
      })
      await expectCall(
        t,
        'what only the platform sets',
        sets,
        `pinctrl settings_conf ${RX} ${PIN} ${INPUT_VALUE} 0`,
        /^[A-Z]/,
      )
      await t.step('request and free a pin')
      const holds = 'pinctrl.c:scmi_pinctrl_request_free'
      await expectCall(t, 'it is requested', holds, `pinctrl pin_request ${VENDORS}`, 'done')
      await t.expect('the agent holds it', {
        because: holds,
        got: () => pin(t, 'vendors').holder,
        is: t.device.agent.id,
      })
      await expectCall(t, 'it is freed', holds, `pinctrl pin_free ${VENDORS}`, 'done')
      await t.expect('nobody holds it', { because: holds, got: () => pin(t, 'vendors').holder, is: undefined })
      await t.step('select a function')
      await expectCall(t, 'it is selected', 'pinctrl.c:scmi_pinctrl_mux_set', 'pinctrl mux_set 2 1', 'done')
      await t.expect('the platform has it', {
        because: 'pinctrl.c:scmi_pinctrl_mux_set',
        got: () => group(t, 'serial_bus_of_the_board').function?.name,
        is: 'fn_serial_bus',
      })
      await expectCall(t, 'a function of another group', 'pinctrl.c', 'pinctrl mux_set 0 1', /^[A-Z]/)
      await expectCall(t, 'no such pin', 'pinctrl.c:scmi_pinctrl_validate_id', `pinctrl pin_request 5`, /^[A-Z]/)
      await expectCall(t, 'no such function', names, `pinctrl name_get 3 ${FUNCTION}`, /^[A-Z]/)
    },
  },
  refused: {
    summary: 'the platform refuses a function, a value and a pin: the driver is told so',
    onlyInAll: true,
    async run(t) {
      for (const [message, words] of [
        ['PINCTRL_REQUEST', ['pin-groups', 'uart', 'state', 'fn_gpio']],
        ['PINCTRL_SETTINGS_CONFIGURE', ['pin-groups', 'serial_bus_of_the_board', 'state', 'highest']],
      ] as const) {
        await t.step(`${message} is denied`)
        t.server.faults.add({ protocol: 'pinctrl', message, status: 'DENIED', times: 1 })
        const because = 'pinctrl/core.c:pinctrl_commit_state returns what the driver returns'
        await select(t, 'the driver gets the error', because, [...words], 'Permission denied')
        await select(t, 'the next attempt works', because, [...words], words[3])
      }
      await t.expect('the platform has the function', {
        because: SELECTS,
        got: () => group(t, 'uart').function?.name,
        is: 'fn_gpio',
      })
    },
  },
  shown: {
    summary: "what the kernel shows of a group: the platform's values, one for each type",
    onlyInAll: true,
    async run(t) {
      const because = 'pinctrl-scmi.c:pinctrl_scmi_pinconf_group_get asks the platform'
      const shown = () => t.call('group_shown', ['uart'])
      await t.expect('a group has the values of its pins', {
        because,
        got: shown,
        is: /output drive strength \(4 mA\)/,
      })
      const message = 'PINCTRL_SETTINGS_GET'
      t.server.faults.add({ protocol: 'pinctrl', message, status: 'HARDWARE_ERROR' })
      await t.expect('a platform that fails has none', { because, got: shown, is: text => !text.includes('strength') })
    },
  },
  rebound: {
    summary: 'the driver of the pin controller is unbound and bound again: drivers use their pins as before',
    onlyInAll: true,
    async run(t) {
      await t.call('rebind', ['scmi-pinctrl'])
      await select(t, 'a function is selected', SELECTS, ['pin-groups', 'uart', 'state', 'fn_gpio'], 'fn_gpio')
      await t.expect('the platform has it', {
        because: SELECTS,
        got: () => group(t, 'uart').function?.name,
        is: 'fn_gpio',
      })
    },
  },
}

export default family(scenarios, rest => ({
  ...rest,
  platform: { vendor: 'acme', pinctrl: { pins: PINS, groups: GROUPS, functions: FUNCTIONS } },
}))
