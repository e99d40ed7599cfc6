import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { loadPlatform } from '../../../src/loading/load.js'
import { clocks } from '../../../src/platform/clocks/index.js'
import { ConfigError } from '../../../src/platform/core/config-error.js'
import { Platform, type ResourceKind } from '../../../src/platform/core/platform.js'
import type { PlatformConfig } from '../../../src/platform/core/platform-config.js'
import { VirtualTime } from '../../../src/platform/core/time.js'
import { duration, frequency, resourceName } from '../../../src/platform/core/units.js'
import { type ProtocolInfo, parsePlatformConfig, platformJsonSchema } from '../../../src/platform/file/config.js'
import { presetNames } from '../../../src/platform/file/presets.js'
import { perfDomains } from '../../../src/platform/perf-domains/index.js'
import { sensors } from '../../../src/platform/sensors/index.js'
import { resourceKinds } from '../../../src/protocols/declaration/served.js'
import { protocols as allProtocols } from '../../../src/protocols/index.js'
import { errorOf } from '../../support/config-error.js'

/** A kind with every type of field. */
const wheelSchema = z.strictObject({
  name: resourceName,
  speed: frequency,
  wait: duration.default(0),
  spokes: z.int().min(3).max(9).default(3),
  colour: z.enum(['red', 'green']).optional(),
  letter: z.enum([...'abcdefghijklm'].map(letter => letter.repeat(4))).optional(),
  motor: z.union([z.number(), z.strictObject({ power: z.number(), spare: z.boolean().optional() })]).optional(),
  tags: z.array(z.string()).min(1).max(2).optional(),
  slots: z.record(z.string().regex(/^[a-z]$/), z.number()).optional(),
  next: z.string().optional(),
})
const wheels: ResourceKind<z.infer<typeof wheelSchema>[], string[]> = {
  section: 'wheels',
  schema: z.array(wheelSchema),
  create(config) {
    const names = config.map(wheel => wheel.name)
    config.forEach(({ next }, i) => {
      if (next !== undefined && !names.includes(next)) throw new ConfigError([i, 'next'], `no wheel is named ${next}`)
    })
    return names
  },
  link(names) {
    if (names.includes('loose')) throw new ConfigError([names.indexOf('loose')], 'is not connected')
  },
}
const kinds = [wheels as ResourceKind]
const protocols: ProtocolInfo[] = [
  {
    id: 0x90,
    name: 'wheel',
    versions: [0x10000, 0x20000, 0x20001],
    usual: 0x20000,
    notFirm: 'a rumour',
    commands: [{ id: 3, name: 'TURN', request: [], reply: [], delayed: [] }],
  },
  {
    id: 0x91,
    name: 'quick',
    versions: [0x10000],
    usual: 0x10000,
    notFirm: '',
    commands: [{ id: 3, name: 'RUN', request: [], reply: [] }],
  },
]

function build(text: string): Platform {
  return parsePlatformConfig(text, 'a.yaml', protocols, kinds, config => new Platform(config, kinds, new VirtualTime()))
}

function parse(text: string): PlatformConfig {
  return build(text).config
}

test('a file with everything', () => {
  const config = parse(`
vendor: acme
sub_vendor: wheels
implementation_version: 0x10203
description: A cart
seed: 7
agents: [{ name: driver, trusted: false }]
protocols: { wheel: { version: 2.0, max_pending_async: 9 }, quick: {} }
devices: [{ name: axle, resources: { wheels: [left, right] } }]
wheels:
  - &wheel { name: left, speed: 1.2 kHz, wait: 5 ms }
  - { name: right, speed: 7 }
`)
  expect(config).toMatchObject({
    vendor: 'acme',
    subVendor: 'wheels',
    implementationVersion: 0x10203,
    description: 'A cart',
    seed: 7,
    agents: [{ id: 1, name: 'driver', trusted: false }],
    protocols: { wheel: { version: 0x20000, max_pending_async: 9 }, quick: {} },
    devices: [{ name: 'axle', resources: { wheels: ['left', 'right'] } }],
  })
  expect(config.sections).toEqual({
    wheels: [
      { name: 'left', speed: 1200, wait: 5000, spokes: 3 },
      { name: 'right', speed: 7, wait: 0, spokes: 3 },
    ],
  })
})

test('defaults of a file', () => {
  expect(parse('vendor: acme')).toEqual({
    vendor: 'acme',
    subVendor: '',
    implementationVersion: 0,
    description: '',
    unknownMessage: -4,
    seed: 0,
    agents: [],
    protocols: {},
    devices: [],
    recorded: [],
    sections: {},
  })
})

test.each([
  ['2.1', 0x20001],
  ['"2.1"', 0x20001],
  ['2', 0x20000],
  ['2.0', 0x20000],
  ['0x20001', 0x20001],
  ['131072', 0x20000],
])('a version can be written %s', (text, version) => {
  expect(parse(`{ vendor: a, protocols: { wheel: { version: ${text} } } }`).protocols.wheel?.version).toBe(version)
})

const KEYS =
  'vendor, sub_vendor, implementation_version, description, unknown_message, seed, shared_memory, agents, protocols, devices, recorded, plugins, wheels'
const WHEEL_KEYS = 'name, speed, wait, spokes, colour, letter, motor, tags, slots, next'
const wheel = (fields: string) => `vendor: acme\nwheels:\n  - name: left\n    speed: 5\n    ${fields}`

describe('errors name the place and the problem', () => {
  test.each([
    // YAML
    ['', 'a.yaml:1:1: vendor is missing; write text'],
    ['# nothing\n', 'a.yaml:1:1: vendor is missing; write text'],
    ['acme', 'a.yaml:1:1: acme is not a map'],
    ['- acme', 'a.yaml:1:1: a list is not a map'],
    ['vendor: acme\nvendor: b', 'a.yaml:2:1: vendor is written twice'],
    ['vendor: acme\nwheels: !metal []', 'a.yaml:2:9: unknown sequence tag !<!metal>'],
    ['vendor: *acme', 'a.yaml:1:9: there is no &acme before *acme'],
    ['vendor: acme\n---\nvendor: b', 'a.yaml:2:1: the file must be one document; take out the ---'],
    // the top
    ['vendor: 5', 'a.yaml:1:9: vendor: 5 is not text'],
    ['vendor:', 'a.yaml:1:1: vendor: has no value; write text'],
    [
      'vendor: much_too_long_a_name',
      'a.yaml:1:9: vendor: much_too_long_a_name is not a vendor; write at most 15 ASCII characters',
    ],
    ['vendor: acme\nwheel: []', `a.yaml:2:1: wheel: is not a known key; did you mean wheels? Known keys: ${KEYS}`],
    ['vendor: acme\nspaceship: []', `a.yaml:2:1: spaceship: is not a known key; known keys: ${KEYS}`],
    ['vendor: acme\nimplementation_version: 1.5', 'a.yaml:2:25: implementation_version: 1.5 is not a whole number'],
    ['vendor: acme\nseed: -1', 'a.yaml:2:7: seed: -1 is too small; at least 0'],
    // protocols
    [
      '{ vendor: a, protocols: { wheel: { version: 3.0 } } }',
      'a.yaml:1:45: protocols.wheel.version: 3 is not a supported version; choose one of 1.0, 2.0, 2.1',
    ],
    [
      '{ vendor: a, protocols: { wheel: { version: [2] } } }',
      'a.yaml:1:45: protocols.wheel.version: a list is not a supported version; choose one of 1.0, 2.0, 2.1',
    ],
    [
      '{ vendor: a, protocols: { whele: {} } }',
      'a.yaml:1:27: protocols.whele: is not a known key; did you mean wheel? Known keys: wheel, quick',
    ],
    [
      '{ vendor: a, protocols: { wheel: { max_pending_async: 256 } } }',
      'a.yaml:1:55: protocols.wheel.max_pending_async: 256 is too large; at most 255',
    ],
    [
      '{ vendor: a, protocols: { quick: { max_pending_async: 1 } } }',
      'a.yaml:1:36: protocols.quick.max_pending_async: is not a known key; known keys: version',
    ],
    // names of resources
    [
      '{ vendor: a, devices: [{ name: d, resources: { wheels: [x] } }] }',
      'a.yaml:1:57: devices[0].resources.wheels[0]: nothing in wheels is named x',
    ],
    // fields of a kind
    ['vendor: acme\nwheels:\n  - speed: 5', 'a.yaml:3:5: wheels[0]: name is missing; write text'],
    [
      'vendor: acme\nwheels:\n  - nmae: x\n    speed: 5',
      `a.yaml:3:5: wheels[0].nmae: is not a known key; did you mean name? Known keys: ${WHEEL_KEYS}`,
    ],
    [
      'vendor: acme\nwheels:\n  - speed: 5\n    name: ä',
      'a.yaml:4:11: wheels[0].name: ä is not a name; write 1 to 63 printable ASCII characters',
    ],
    [
      'vendor: acme\nwheels:\n  - { name: "", speed: 5 }',
      'a.yaml:3:13: wheels[0].name: empty text is not a name; write 1 to 63 printable ASCII characters',
    ],
    [
      'vendor: acme\nwheels:\n  - name: x\n    speed: 24 MHzz',
      'a.yaml:4:12: wheels[0].speed: 24 MHzz is not a frequency; write a number of Hz or e.g. "24 MHz"',
    ],
    [
      'vendor: acme\nwheels:\n  - name: x\n    speed: [24 MHz]',
      'a.yaml:4:12: wheels[0].speed: a list is not a frequency; write a number of Hz or e.g. "24 MHz"',
    ],
    [
      'vendor: acme\nwheels:\n  - name: x\n    speed:',
      'a.yaml:4:5: wheels[0].speed: nothing is not a frequency; write a number of Hz or e.g. "24 MHz"',
    ],
    [
      wheel('wait: 3 parsec'),
      'a.yaml:5:11: wheels[0].wait: 3 parsec is not a duration; write a number of microseconds or e.g. "5 ms"',
    ],
    [wheel('spokes: 2'), 'a.yaml:5:13: wheels[0].spokes: 2 is too small; at least 3'],
    [wheel('spokes: 10'), 'a.yaml:5:13: wheels[0].spokes: 10 is too large; at most 9'],
    [wheel('colour: blue'), 'a.yaml:5:13: wheels[0].colour: blue is not one of red, green'],
    [wheel('letter: aaab'), 'a.yaml:5:13: wheels[0].letter: aaab is unknown; did you mean aaaa?'],
    [
      wheel('letter: z'),
      'a.yaml:5:13: wheels[0].letter: z is not one of aaaa, bbbb, cccc, dddd, eeee, ffff, gggg, hhhh, iiii, jjjj, kkkk, llll, mmmm',
    ],
    [wheel('motor: fast'), 'a.yaml:5:12: wheels[0].motor: fast is not a number or a map'],
    [wheel('motor: { power: high }'), 'a.yaml:5:21: wheels[0].motor.power: high is not a number'],
    [wheel('motor: { spare: true }'), 'a.yaml:5:12: wheels[0].motor: power is missing; write a number'],
    [
      wheel('motor: { power: 1, spar: 1 }'),
      'a.yaml:5:24: wheels[0].motor.spar: is not a known key; did you mean spare? Known keys: power, spare',
    ],
    [wheel('tags: []'), 'a.yaml:5:11: wheels[0].tags: 0 entries are too few; at least 1'],
    [wheel('tags: [a, b, c]'), 'a.yaml:5:11: wheels[0].tags: 3 entries are too many; at most 2'],
    [wheel('tags: 5'), 'a.yaml:5:11: wheels[0].tags: 5 is not a list'],
    [wheel('tags: [1]'), 'a.yaml:5:12: wheels[0].tags[0]: 1 is not text'],
    [wheel('slots: { A: 1 }'), 'a.yaml:5:14: wheels[0].slots.A: this key is not allowed here'],
    // checks of the kind
    [wheel('next: right'), 'a.yaml:5:11: wheels[0].next: no wheel is named right'],
    ['vendor: acme\nwheels:\n  - { name: loose, speed: 1 }', 'a.yaml:3:5: wheels[0]: is not connected'],
    // the first of several, in the order of the file
    [
      'wheels:\n  - { speed: x, name: 5 }\nvendor: 6\nsaed: 1',
      'a.yaml:2:14: wheels[0].speed: x is not a frequency; write a number of Hz or e.g. "24 MHz"',
    ],
    ['vendro: acme\nseed: -1', `a.yaml:1:1: vendro: is not a known key; did you mean vendor? Known keys: ${KEYS}`],
    // an alias's value
    [
      'vendor: acme\nwheels:\n  - { name: &a x, speed: *a }',
      'a.yaml:3:26: wheels[0].speed: x is not a frequency; write a number of Hz or e.g. "24 MHz"',
    ],
  ])('%j', (text, message) => {
    expect(errorOf(() => build(text))).toBe(message)
  })

  test('aliases that multiply without limit are refused', () => {
    const rows = [...'bcdefghijklmn'].map(letter => {
      const before = String.fromCharCode(letter.charCodeAt(0) - 1)
      return `${letter}: &${letter} [*${before}, *${before}, *${before}]`
    })
    expect(errorOf(() => parse(['a: &a [1, 1, 1]', ...rows].join('\n')))).toMatch(
      /^a\.yaml:\d+:\d+: .*: expands the file to more than 1000000 values$/,
    )
  })

  test('errors other than ConfigError pass unchanged', () => {
    const run = () =>
      parsePlatformConfig('vendor: a', 'a.yaml', protocols, kinds, () => {
        throw new TypeError('ours')
      })
    expect(run).toThrow(TypeError)
  })
})

describe('presets', () => {
  test('minimal and demo are there', () => {
    expect(presetNames()).toEqual(expect.arrayContaining(['demo', 'minimal']))
  })

  test.each(presetNames())('%s is a platform', async name => {
    const { platform } = await loadPlatform(name, { time: new VirtualTime() })
    const some = [sensors, clocks, perfDomains].some(kind => platform.has(kind as ResourceKind))
    expect(some).toBe(true)
  })

  const presets = presetNames().join(', ')
  test.each([
    ['nope', `nope: there is no such preset, only ${presets}; for a file write ./nope`],
    ['./nope', `./nope: there is no such file; presets are ${presets}`],
    ['nope.yaml', `nope.yaml: there is no such file; presets are ${presets}`],
    ['/', `/: is a folder; give a file`],
  ])('no file: %s', async (name, message) => {
    const error = await loadPlatform(name).catch((error: unknown) => error)
    expect([error instanceof ConfigError, (error as Error).message]).toEqual([true, message])
  })
})

test('the JSON Schema has all sections, their fields, and the versions', () => {
  const schema = platformJsonSchema(protocols, kinds)
  const properties = schema.properties as Record<string, { items?: { properties?: object } }>
  expect(schema.required).toEqual(['vendor'])
  expect(Object.keys(properties)).toEqual(KEYS.split(', '))
  expect(Object.keys(properties.wheels?.items?.properties ?? {})).toEqual([...WHEEL_KEYS.split(', '), 'repeat'])
  expect(JSON.stringify(schema)).toContain('"enum":["1.0","2.0","2.1",1,2,2.1,65536,131072,131073]')
  expect(() => platformJsonSchema(allProtocols, resourceKinds(allProtocols))).not.toThrow()
})
