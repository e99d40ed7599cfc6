/** Properties of resources: all of the presets' can be read, described and set, and agents are notified. */
import { beforeEach, describe, expect, test } from 'vitest'
import { loadPlatform } from '../../../src/loading/load.js'
import { Resources } from '../../../src/observe/resources.js'
import type { Platform } from '../../../src/platform/core/platform.js'
import { allowedText, type Property, type PropertyValue, valueText } from '../../../src/platform/core/property.js'
import { VirtualTime } from '../../../src/platform/core/time.js'
import { resourceKinds } from '../../../src/protocols/declaration/served.js'
import { RequestError } from '../../../src/support/errors.js'
import { createTestAgent, everyProtocol, hex, message, type TestAgent } from '../../support/agent.js'

async function resourcesOf(preset: string): Promise<{ resources: Resources; platform: Platform; time: VirtualTime }> {
  const time = new VirtualTime()
  const { platform, protocols } = await loadPlatform(preset, { time })
  return { resources: new Resources(platform, resourceKinds(protocols)), platform, time }
}

/** The error that `run` throws, as `CODE: text`; undefined if it throws none. */
function refusalOf(run: () => unknown): string | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    if (error instanceof RequestError) return `${error.refusal}: ${error.message}`
    throw error
  }
}

/** The lowest and highest allowed values of a property. */
function samples(property: Property): PropertyValue[] {
  const allowed = property.allowed?.()
  if (allowed && 'step' in allowed) return [allowed.min, allowed.max]
  if (allowed) return [allowed[0], allowed[allowed.length - 1]].filter(value => value !== undefined)
  return property.type === 'flag' ? [true, false] : [42]
}

describe.each(['demo', 'everything', 'juno', 'imx95', 'minimal'])('preset %s', preset => {
  test('every property has a value of its type, and accepts the values that it lists as allowed', async () => {
    const { resources } = await resourcesOf(preset)
    const types = { number: 'number', flag: 'boolean', text: 'string' }
    for (const { place, value } of resources.read([])) {
      const { property, address } = place
      if (value !== undefined) expect(typeof value, address).toBe(types[property.type])
      expect(allowedText(property), address).not.toBe('')
      expect(resources.place(address)).toBe(place)
      if (!property.set) {
        expect(refusalOf(() => resources.set(address, '1'))).toBe(
          `FAILED_PRECONDITION: ${address} can't be set, only read`,
        )
        continue
      }
      for (const sample of samples(property)) {
        const text = valueText(property, sample)
        const refusal = refusalOf(() => resources.set(address, text))
        if (refusal) expect(refusal, address).toMatch(/^FAILED_PRECONDITION/)
        // A limit in force is the intersection of all agents' limits.
        else if (property.read() !== undefined && property.word?.name !== 'none')
          expect(valueText(property, property.read()), address).toBe(text)
      }
      if (property.word) expect(refusalOf(() => resources.set(address, property.word!.name))).toBe(undefined)
      const wrong = refusalOf(() => resources.set(address, 'no such value'))
      expect(wrong).toBe(`INVALID_ARGUMENT: ${address} can't be no such value; allowed: ${allowedText(property)}`)
    }
  })
})

describe('addresses', () => {
  let resources: Resources
  beforeEach(async () => {
    resources = (await resourcesOf('everything')).resources
  })

  test('name a property, the properties of a resource, and those of a kind', () => {
    const addresses = (...names: string[]) => resources.select(names).map(place => place.address)
    expect(addresses('clock.clk_uart.rate')).toEqual(['clock.clk_uart.rate'])
    expect(addresses('system')).toEqual(['system.state', 'system.timeout'])
    expect(addresses('perf.perf_gpu')).toEqual(
      ['level', 'min', 'max', 'frequency', 'power'].map(name => `perf.perf_gpu.${name}`),
    )
    expect(addresses('reset')).toHaveLength(10)
    expect(addresses('system', 'system.state')).toHaveLength(2)
  })

  test('of a resource mean its main property, if it has one', () => {
    expect(resources.place('sensor.temp_soc').address).toBe('sensor.temp_soc.value')
    expect(resources.place('system').address).toBe('system.state')
    expect(refusalOf(() => resources.place('sensor.gyro_board'))).toBe(
      'INVALID_ARGUMENT: sensor.gyro_board is more than one property; name one of sensor.gyro_board.gyro_X, ' +
        'sensor.gyro_board.gyro_Y, sensor.gyro_board.gyro_Z, sensor.gyro_board.enabled, sensor.gyro_board.update_interval',
    )
    expect(refusalOf(() => resources.place('reset'))).toMatch(/^INVALID_ARGUMENT: reset is more than one property/)
  })

  test.each([
    ['foo.bar', /^NOT_FOUND: there is no foo.bar; there are power, system, perf, clock, sensor, reset, voltage, /],
    ['', /^NOT_FOUND: there is no empty address; there are/],
    ['reset.foo', /^NOT_FOUND: there is no reset.foo; there are reset.rst_uart, reset.rst_gpu, /],
    ['reset.rst_uart.foo', /^NOT_FOUND: there is no reset.rst_uart.foo; there are reset.rst_uart.asserted, /],
  ])('%j is refused with a list of what there is', (address, says) => {
    expect(refusalOf(() => resources.select([address]))).toMatch(says)
    expect(refusalOf(() => resources.set(address, '1'))).toMatch(says)
  })

  test('may contain dots in names of resources', () => {
    const { platform } = createTestAgent('vendor: v\nclocks: [{ name: a.rate, rate: 1 Hz }, { name: a, rate: 2 Hz }]')
    const odd = new Resources(platform, resourceKinds(everyProtocol))
    expect(odd.read(['clock.a.rate.rate']).map(({ value }) => value)).toEqual([1])
    expect(odd.read(['clock.a.rate']).map(({ value }) => value)).toEqual([2])
  })
})

describe('values set by the host', () => {
  const text = `
vendor: acme
clocks: [{ name: uart, rates: [24 MHz, 48 MHz] }, { name: bus, rate: 1 GHz, critical: true }]
sensors:
  - { name: soc, type: celsius, scale: -3, value: 41.5, trip_points: 1 }
  - { name: die, type: celsius, scale: -3, value: { thermal: { of: [cpu], resistance: 10, capacitance: 1 } } }
perf_domains:
  - name: cpu
    levels: [{ level: 1, power: 100 }, { level: 2, power: 1000 }, { level: 3, power: 4000 }]
    sustained_frequency: 3 MHz
power_domains: [{ name: gpu }, { name: top, critical: true, state: on }]
powercaps: [{ name: package, unit: milliwatt, cap_range: { min: 500, max: 5000, step: 100 }, power: 1 W }]
`
  let agent: TestAgent
  let resources: Resources
  beforeEach(() => {
    agent = createTestAgent(text)
    resources = new Resources(agent.platform, resourceKinds(everyProtocol))
  })

  /** Header of a command. */
  const header = (protocol: number, id: number) => (protocol << 10) | id
  const shown = (address: string) =>
    resources.read([address]).map(({ place, value }) => valueText(place.property, value))

  test('reach agents as notifications from the platform', () => {
    agent.exchange(message(header(0x14, 0x9), 0, 1))
    agent.exchange(message(header(0x13, 0xa), 0, 1))
    agent.exchange(message(header(0x13, 0x9), 0, 1))
    resources.set('clock.uart', '48MHz')
    resources.set('perf.cpu.max', '2')
    expect(agent.events.take().map(hex)).toEqual([
      '00 53 00 00 00 00 00 00 00 00 00 00 00 6c dc 02 00 00 00 00',
      '00 4f 00 00 00 00 00 00 00 00 00 00 02 00 00 00 01 00 00 00',
      '01 4f 00 00 00 00 00 00 00 00 00 00 02 00 00 00',
    ])
  })

  test('are accepted in any unit, and shown in a handy one', () => {
    expect(valueText(resources.place('sensor.soc').property, resources.set('sensor.soc', '85C').value)).toBe('85 °C')
    resources.set('sensor.soc', '-12.5 °C')
    expect(shown('sensor.soc.value')).toEqual(['-12.5 °C'])
    resources.set('sensor.soc', 'auto')
    expect(shown('sensor.soc.value')).toEqual(['41.5 °C'])
    resources.set('powercap.package', '2.5W')
    resources.set('powercap.package.power', '750 mW')
    expect(shown('powercap.package')).toEqual(['2.5 W', '750 mW', '100 ms'])
    resources.set('powercap.package.cap', 'none')
    resources.set('powercap.package.power', 'auto')
    expect(shown('powercap.package')).toEqual(['-', '1 W', '100 ms'])
  })

  test.each([
    ['sensor.soc', '85', '85 °C'],
    ['sensor.soc', '1e2C', '100 °C'],
    ['clock.uart', '0.048 GHz', '48 MHz'],
    ['clock.uart', '48_000_000', '48 MHz'],
    ['clock.uart.enabled', 'on', 'yes'],
    ['power.gpu', 'on', 'on'],
  ])('%s %s is %s', (address, given, text) => {
    const { place, value } = resources.set(address, given)
    expect(valueText(place.property, value)).toBe(text)
  })

  test.each([
    ['clock.uart', '25 MHz', "INVALID_ARGUMENT: clock.uart.rate can't be 25 MHz; allowed: 24 MHz, 48 MHz"],
    ['clock.uart', '48 mhz', "INVALID_ARGUMENT: clock.uart.rate can't be 48 mhz; allowed: 24 MHz, 48 MHz"],
    ['clock.uart', '48 V', "INVALID_ARGUMENT: clock.uart.rate can't be 48 V; allowed: 24 MHz, 48 MHz"],
    ['sensor.soc', '', "INVALID_ARGUMENT: sensor.soc.value can't be empty; allowed: a number of °C, C, or auto"],
    ['sensor.soc', '1e18', 'INVALID_ARGUMENT: 1000000000000000000 does not fit soc'],
    [
      'powercap.package',
      '550 mW',
      "INVALID_ARGUMENT: powercap.package.cap can't be 550 mW; allowed: 500 mW to 5 W in steps of 100 mW, or none",
    ],
    ['clock.bus.enabled', 'off', 'FAILED_PRECONDITION: bus stays on: it is critical'],
    ['power.top', 'off', 'FAILED_PRECONDITION: top stays on: it is critical'],
    ['perf.cpu.frequency', '1 MHz', "FAILED_PRECONDITION: perf.cpu.frequency can't be set, only read"],
  ])('%s to %j: %s', (address, given, refusal) => {
    expect(refusalOf(() => resources.set(address, given))).toBe(refusal)
  })

  test('are refused with the reason where agents stand in the way', () => {
    agent.exchange(message(header(0x14, 0x7), 0, 1, 0))
    expect(refusalOf(() => resources.set('clock.uart.enabled', 'no'))).toBe(
      'FAILED_PRECONDITION: uart stays on: an agent, or a clock that it feeds, needs it',
    )
    resources.set('perf.cpu.max', '1')
    expect(refusalOf(() => resources.set('perf.cpu', '3'))).toBe(
      'FAILED_PRECONDITION: cpu: level 3 is outside the limits, 1 to 1',
    )
    resources.set('perf.cpu.max', 'none')
    expect(shown('perf.cpu')).toEqual(['1', '1', '3', '1 MHz', '100 mW'])
  })

  test('change the temperature of a sensor', () => {
    resources.set('perf.cpu', '1')
    agent.time.advance(1e9)
    expect(shown('sensor.die')).toEqual(['26 °C', '26 °C', '25 °C', 'yes', '1 s'])
    resources.set('sensor.die.ambient', '40C')
    agent.time.advance(1e9)
    expect(shown('sensor.die.value')).toEqual(['41 °C'])
    resources.set('sensor.die.temperature', '91C')
    expect(shown('sensor.die.value')).toEqual(['91 °C'])
    // One time constant, of 10 s, later.
    agent.time.advance(10e6)
    expect(resources.read(['sensor.die.value'])[0]?.value).toBeCloseTo(41 + 50 / Math.E, 2)
  })

  test('cross trip points', () => {
    agent.exchange(message(header(0x15, 0x4), 0, 1))
    agent.exchange(message(header(0x15, 0x5), 0, 3, 50_000, 0))
    resources.set('sensor.soc', '60C')
    expect(agent.events.take().map(hex)).toEqual(['00 57 00 00 00 00 00 00 00 00 00 00 00 00 01 00'])
  })
})
