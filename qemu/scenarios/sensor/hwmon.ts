import { sensors } from '../../../src/platform/sensors/index.js'
import type { Context } from '../../runner/context.js'
import { SHORT_TIMEOUT } from '../../runner/readings.js'
import { family, type Scenario } from '../../runner/scenario.js'

/** Each class that hwmon has, in several scales, in an order in which ids and channels differ. */
const SENSORS = [
  { name: 'rail', type: 'volt', scale: -6, value: 1.25 },
  { name: 'battery', type: 'volt', scale: -3, value: 3.7 },
  { name: 'soc', type: 'celsius', scale: -3, value: 45.5 },
  { name: 'frequency', type: 'hertz', value: 1000 },
  { name: 'board', type: 'celsius', value: 31 },
  { name: 'charger_of_the_battery', type: 'ampere', scale: -3, value: 0.5, async: { latency: '30 ms' } },
  { name: 'package', type: 'watt', scale: -6, value: 7.5 },
  { name: 'total', type: 'joule', scale: -3, value: 432.5 },
]
const READS =
  'scmi-hwmon.c:scmi_hwmon_read reads the sensor of the channel, and scmi_hwmon_scale makes hwmon units of it'

/** What hwmon shows: KIND NAME VALUE, in milli-units, but micro-units of power and energy. */
async function expectShown(t: Context, what: string, because: string, is: string[]): Promise<void> {
  const got = async () => (await t.idle(() => t.call('channels'))).split('\n').filter(Boolean).sort()
  await t.expect(what, { because, got, is: [...is].sort() })
}

const SHOWN = [
  'in rail 1250',
  'in battery 3700',
  'temp soc 45500',
  'temp board 31000',
  'curr charger_of_the_battery 500',
  'power package 7500000',
  'energy total 432500000',
]

interface Member extends Omit<Scenario, 'platform'> {
  sensors?: Record<string, unknown>[]
  version?: string
}

const members: Record<string, Member> = {
  values: {
    summary:
      'hwmon shows each sensor of a class that it has, with its name, in its unit; and what changes on the platform',
    async run(t) {
      await expectShown(t, 'it shows these', READS, SHOWN)
      await t.step('every value changes')
      const { list } = t.server.platform.model(sensors)
      for (const [i, sensor] of list.entries()) sensor.set(i + 1)
      await expectShown(t, 'it shows the new ones', READS, [
        'in rail 1000',
        'in battery 2000',
        'temp soc 3000',
        'temp board 5000',
        'curr charger_of_the_battery 6000',
        'power package 7000000',
        'energy total 8000000',
      ])
    },
  },
  rebound: {
    summary: 'the driver is unbound and bound again: its channels go and come back',
    onlyInAll: true,
    async run(t) {
      const device = await t.call('unbind_client', ['scmi-hwmon'])
      await expectShown(t, 'there are no channels', 'hwmon.c:hwmon_device_unregister, by devres', [])
      await t.step('bind the driver')
      await t.call('bind_client', ['scmi-hwmon', device])
      await expectShown(t, 'they are back', READS, SHOWN)
    },
  },
  refused: {
    summary: 'a reading is denied, or fails: who reads is told so, and the other sensors are read',
    onlyInAll: true,
    sensors: [
      { name: 'denied', type: 'volt', scale: -3, value: 1, answers: { SENSOR_READING_GET: 'DENIED' } },
      { name: 'broken', type: 'volt', scale: -3, value: 1, answers: { SENSOR_READING_GET: 'HARDWARE_ERROR' } },
      { name: 'fine', type: 'volt', scale: -3, value: 1 },
    ],
    async run(t) {
      const maps = 'driver.c:scmi_linux_errmap'
      await expectShown(t, 'each is read, or an error', maps, [
        'in denied Permission denied',
        'in broken Remote I/O error',
        'in fine 1000',
      ])
    },
  },
  many: {
    summary: 'a hundred sensors, which come in many replies: hwmon shows each with its own value',
    onlyInAll: true,
    sensors: Array.from({ length: 100 }, (_, i) => ({ name: `s${i}`, type: 'volt', scale: -3, value: i / 8 })),
    async run(t) {
      const because = 'sensors.c:scmi_sensor_description_get goes on until none remains'
      await expectShown(
        t,
        'it shows these',
        because,
        Array.from({ length: 100 }, (_, i) => `in s${i} ${i * 125}`),
      )
    },
  },
  negative: {
    summary: 'temperatures below zero, in units of several sizes: hwmon shows them',
    onlyInAll: true,
    sensors: [
      { name: 'milli', type: 'celsius', scale: -3, value: -12.5 },
      { name: 'whole', type: 'celsius', value: -12 },
      { name: 'micro', type: 'celsius', scale: -6, value: -12.5 },
    ],
    async run(t) {
      await expectShown(t, 'each is read', READS, ['temp milli -12500', 'temp whole -12000', 'temp micro -12500'])
    },
  },
  'version-1': {
    summary: 'a sensor protocol of version 1.0: hwmon shows names of at most 15 characters, and values',
    onlyInAll: true,
    version: '1.0',
    async run(t) {
      const because =
        'sensors.c:iter_sens_descr_process_response knows the descriptors of version 1.0, which are shorter'
      await expectShown(
        t,
        'it shows these',
        because,
        SHOWN.map(text => text.replace('charger_of_the_battery', 'charger_of_the_')),
      )
    },
  },
  'version-2': {
    summary: 'a sensor protocol of version 2.0: hwmon shows names and values',
    onlyInAll: true,
    version: '2.0',
    async run(t) {
      await expectShown(
        t,
        'it shows these',
        READS,
        SHOWN.map(text => text.replace('charger_of_the_battery', 'charger_of_the_')),
      )
    },
  },
}

export default family(members, ({ sensors: list = SENSORS, version, ...rest }) => ({
  ...rest,
  platform: { vendor: 'acme', sensors: list, ...(version ? { protocols: { sensor: { version } } } : {}) },
  machine: { nodes: [SHORT_TIMEOUT] },
}))
