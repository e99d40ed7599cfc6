/** What real firmware does is learned with the keys that allow it, or as recorded answers; and the learned file says so. */
import { describe, expect, test } from 'vitest'
import { yamlOf } from '../../../src/platform/file/yaml-text.js'
import { KernelProbe, kernelTrace, type Probed } from '../../support/kernel-probe.js'
import { sharedAgent } from '../../support/shared-agent.js'
import { askedAgain, learnedAndAgain, learnText, linesOf, probePlatform } from './learning.js'

const entriesOf = (text: string, name: string): string =>
  text.split('\n').find(line => line.includes(`name: ${name}`)) ?? ''

describe('oddities, with the keys that allow them', () => {
  test.each([
    {
      what: 'ids with holes',
      board: {
        clocks: [
          { id: 10, name: 'a', rate: 1000 },
          { name: 'b', rate: 2000 },
          { id: 456, name: 'c', rate: 5 },
        ],
      },
      line: ['{ id: 456, name: c, rate: 5 Hz }'],
    },
    {
      what: 'two resources of one name, and one without',
      board: {
        clocks: [
          { name: 'uart', rate: 1000 },
          { name: 'uart_1', wire_name: 'uart', rate: 2000 },
          { name: 'x', wire_name: '', rate: 3000 },
        ],
      },
      line: ['{ name: uart_1, wire_name: uart, rate: 2 kHz }', '{ name: clock_2, wire_name: "", rate: 3 kHz }'],
    },
    {
      what: 'names that power and performance domains share',
      board: {
        power_domains: [{ name: 'gpu', state: 'on' }],
        perf_domains: [
          { name: 'gpu_perf', wire_name: 'gpu', levels: [{ level: 5, power: 1 }], sustained_frequency: '5 MHz' },
        ],
      },
      line: ['name: gpu_1, wire_name: gpu'],
    },
    {
      what: 'rates out of order and twice, and a fixed rate told as a range',
      board: {
        clocks: [
          { name: 'a', rates: [2000, 1000, 2000], oddities: ['unordered_rates', 'repeated_rates'] },
          { name: 'b', rate: 24e6, oddities: ['lone_triplet'] },
          { name: 'c', range: { min: 10, max: 100, step: 0 }, rate: 77, oddities: ['flat_range'] },
          { name: 'd', range: { min: 10, max: 100, step: 1 }, triplet: { returned: 1 } },
          { name: 'e', range: { min: 10, max: 100, step: 1 }, triplet: { returned: 3, remaining: 2, values: 3 } },
        ],
      },
      line: ['oddities: [repeated_rates, unordered_rates]', 'oddities: [lone_triplet]', 'triplet: { returned: 1 }'],
    },
    {
      what: 'levels twice, without power, with nothing sustained, and a quotient that is not whole',
      board: {
        perf_domains: [
          {
            name: 'NCC',
            levels: [
              { level: 100, power: 0 },
              { level: 200, power: 0 },
              { level: 200, power: 0 },
            ],
            sustained_level: 0,
            sustained_frequency: 0,
            oddities: ['repeated_levels', 'zero_power', 'zero_sustained'],
          },
          {
            name: 'odd',
            levels: [{ level: 3, power: 1, frequency: '1 MHz' }],
            sustained_frequency: '1 MHz',
            oddities: ['fractional_sustained'],
          },
        ],
      },
      line: ['oddities: [repeated_levels, zero_power, zero_sustained]', 'oddities: [fractional_sustained]'],
    },
    {
      what: 'statuses of a resource',
      board: {
        clocks: [
          { name: 'a', rate: 1000, answers: { CLOCK_ATTRIBUTES: 'NOT_SUPPORTED' } },
          { name: 'b', rates: [1000, 2000], answers: { CLOCK_DESCRIBE_RATES: 'DENIED' } },
        ],
        sensors: [{ name: 's', type: 'celsius', value: 1, answers: { SENSOR_READING_GET: 'HARDWARE_ERROR' } }],
      },
      line: [
        'answers: { CLOCK_ATTRIBUTES: NOT_SUPPORTED }',
        'answers: { CLOCK_DESCRIBE_RATES: DENIED }',
        'answers: { SENSOR_READING_GET: HARDWARE_ERROR }',
      ],
    },
    {
      what: 'older versions, unknown messages',
      board: {
        unknown_message: 'NOT_SUPPORTED',
        protocols: { clock: { version: '1.0' }, sensor: { version: '1.0' }, power: { version: '2.0' } },
        clocks: [{ name: 'a', rate: 1000 }],
        sensors: [{ name: 's', type: 'volt', scale: -3, value: 0.9, update_intervals: ['10 ms'] }],
        power_domains: [{ name: 'p', async: { latency: '1 ms' }, notify: false }],
      },
      line: ['clock: { version: 1.0 }'],
    },
    {
      what: 'axes, ranges, timestamps',
      board: {
        sensors: [
          {
            name: 'acc',
            type: 'metre_per_second_squared',
            axes: [
              { name: 'acc_X', value: 1.5, scale: -2, extended: { resolution: 0.01, min: -20, max: 20 } },
              { name: 'acc_Y_with_a_long_name', value: -3, scale: -2 },
            ],
            timestamps: { exponent: -6 },
            extended: { power: 7 },
            update_intervals: { min: '1 ms', max: '10 ms', step: '1 ms' },
          },
        ],
      },
      line: ['timestamps: { exponent: -6 }'],
    },
  ])('$what', async ({ board, line }) => {
    const { text, before, after, differing, recorded } = await learnedAndAgain(yamlOf({ vendor: 'acme', ...board }))
    for (const part of line) expect(text).toContain(part)
    expect(after).toEqual(before)
    expect([differing, recorded]).toEqual([0, 0])
  })
})

test('what is granted instead of what was set, and what an agent may not do', async () => {
  const probed = await probePlatform(
    yamlOf({
      vendor: 'acme',
      clocks: [
        { name: 'cpu', rates: ['408 MHz', '1.8 GHz'], grants: { '1.8 GHz': '1.608 GHz' } },
        { name: 'ro', rates: [1000, 2000], permissions: { rate: false } },
      ],
      voltages: [{ name: 'v', levels: ['800 mV', '1 V'], mode: 'on', permissions: { level: false } }],
    }),
    probe => {
      const set = (id: number, low: number): void => void probe.ask(0x14, 5, words(0, id, low, 0))
      set(0, 1_800_000_000)
      probe.ask(0x14, 6, words(0))
      set(1, 2000)
      probe.ask(0x17, 7, words(0, 0, 1_000_000))
    },
  )
  const { text, differing } = await learnText(kernelTrace(probed))
  expect(entriesOf(text, 'cpu')).toContain('grants: { "1800000000": 1.608 GHz }')
  expect(entriesOf(text, 'ro')).toContain('permissions: { rate: false }')
  expect(entriesOf(text, 'v')).toContain('permissions: { level: false }')
  expect(differing).toBe(0)
})

test('marks what the trace does not have', async () => {
  const probed = await probePlatform('vendor: acme\nclocks: [{ name: a, rates: [1000, 2000] }, { name: b, rate: 5 }]')
  const withoutRates = probed.filter(({ name }) => !/DESCRIBE_RATES|RATE_GET|VENDOR/.test(name))
  const { text } = await learnText(kernelTrace(withoutRates))
  expect(entriesOf(text, 'a')).toMatch(/rate: 0 Hz .*# not seen: rate/)
  expect(text).toMatch(/vendor: unknown[\s\S]*# not seen: vendor, sub_vendor/)
})

describe('fast channels', () => {
  const PERF = `perf_domains:
  - { name: a, levels: [{ level: 5, power: 1, frequency: 5 MHz }], fast_channels: FIRST }
  - { name: b, levels: [{ level: 5, power: 1, frequency: 5 MHz }] }`

  test.each([
    ['{ set: [limits, level], get: [limits, level], doorbell: 32, rate_limit: 5 ms }', '5000 us'],
    ['{ set: [], get: [level] }', undefined],
    ['{ set: [limits], get: [], doorbell: false, announced: false }', undefined],
  ])('%s is learned', async (channels, limit) => {
    const { text, differing, recorded } = await learnText(kernelTrace(withChannels(PERF.replace('FIRST', channels))))
    const learned = channels.replace('5 ms', limit ?? '')
    expect(text).toContain(`fast_channels: ${learned}`)
    expect(text.match(/fast_channels/g)).toHaveLength(1)
    expect(text).toContain('shared_memory: {}')
    expect([differing, recorded]).toEqual([0, 0])
  })

  test('those of power caps are learned', async () => {
    const caps = 'powercaps: [{ name: c, cap_range: { min: 1 W, max: 4 W, step: 1 W }, fast_channels: true }]'
    const { text, differing } = await learnText(
      kernelTrace(withChannels(`${caps}\nprotocols: { powercap: { version: 2.0 } }`)),
    )
    expect(text).toContain('fast_channels: { set: [cap, pai], get: [cap, pai], doorbell: 8 }')
    expect(differing).toBe(0)
  })

  /** What is told to a kernel whose memory the platform sees. */
  function withChannels(text: string): Probed[] {
    const { agent } = sharedAgent(`vendor: acme\n${text}`, 0x13, 0xb)
    const probe = new KernelProbe(agent)
    probe.all()
    for (const served of agent.protocols) {
      const describe = served?.protocol
        .commandsOf(served.version)
        .find(command => command?.name.endsWith('DESCRIBE_FASTCHANNEL'))
      if (!describe) continue
      for (const id of [0, 1])
        for (const message of [4, 5, 6, 7, 8]) probe.ask(served!.protocol.id, describe.id, words(id, message))
    }
    return probe.probed
  }
})

test('a board with fast channels that the kernel did not ask about is learned without them', async () => {
  const probed = await probePlatform(
    'vendor: acme\nperf_domains: [{ name: p, levels: [{ level: 5, power: 1, frequency: 5 MHz }] }]',
  )
  for (const { name, reply } of probed) if (name === 'perf PERFORMANCE_DOMAIN_ATTRIBUTES') reply[3]! |= 0x08
  const { text, differing, recorded } = await learnText(kernelTrace(probed))
  expect(text).toContain('# not seen: which fast channels it has')
  expect(text).not.toContain('shared_memory')
  expect([differing, recorded]).toEqual([0, 0])
})

const words = (...some: number[]): Uint8Array => new Uint8Array(Uint32Array.of(...some).buffer)

describe('what no model says', () => {
  test('a protocol of a vendor is recorded, and answers on replay as it did', async () => {
    const probed = await probePlatform('vendor: acme\nclocks: [{ name: a, rate: 5 }]')
    const vendor = (messageId: number, request: Uint8Array, status: number, reply: Uint8Array = words()) => ({
      protocolId: 0x85,
      messageId,
      name: '',
      request,
      status,
      reply,
    })
    const all = [
      ...probed,
      vendor(0, words(), 0, words(0x20000)),
      vendor(3, words(1), 0, words(7, 8)),
      vendor(3, words(2), -4),
      vendor(4, words(), 0, words(1)),
      vendor(4, words(), 0, words(2)),
    ]
    const { text, recorded, platform } = await learnText(kernelTrace(all))
    expect(text).toContain('- { protocol: 133, message: 3, request: "01000000", reply: "0700000008000000" }')
    // Two are of Base, which lists the protocol from now on, and did not on the board.
    expect(recorded).toBe(7)
    const again = await probePlatform(platform.origin.text, probe => {
      for (const { protocolId, messageId, request } of all.slice(probed.length))
        probe.ask(protocolId, messageId, request)
      probe.ask(0x85, 4, words())
    })
    const answers = again.slice(-6).map(({ status, reply }) => [status, Buffer.from(reply).toString('hex')])
    expect(answers).toEqual([
      [0, '00000200'],
      [0, '0700000008000000'],
      [-4, ''],
      [0, '01000000'],
      [0, '02000000'],
      [0, '02000000'],
    ])
  })

  test('an answer that the specification does not allow is recorded; the rest comes from the model', async () => {
    const probed = await probePlatform('vendor: acme\nclocks: [{ name: a, rate: 5 }, { name: b, rate: 6 }]')
    // The first bit of reserved ones.
    for (const { name, request, reply } of probed) {
      if (name === 'clock CLOCK_ATTRIBUTES' && request[0] === 1) reply[0]! |= 0x04
    }
    const { text, recorded, differing } = await learnText(kernelTrace(probed))
    expect(text).toMatch(/protocol: clock, message: CLOCK_ATTRIBUTES, request: "01000000", reply: "04/)
    expect([recorded, differing]).toEqual([1, 0])
    expect(linesOf(await probePlatform(text))).toEqual(linesOf(probed))
  })

  test('a protocol that was only listed is listed again', async () => {
    const probed = await probePlatform('vendor: acme\nclocks: [{ name: a, rate: 5 }]\nresets: [{ name: r }]')
    const { text } = await learnText(kernelTrace(probed.filter(({ protocolId }) => protocolId !== 0x16)))
    expect(text).toContain('- { protocol: reset } # listed; not seen')
    const base = (all: typeof probed) => linesOf(all.filter(({ protocolId }) => protocolId === 0x10))
    expect(base(await probePlatform(text))).toEqual(base(probed))
  })

  test("the board's other agents are recorded", async () => {
    const board = 'vendor: acme\nclocks: [{ name: a, rate: 5 }]\nagents: [{ name: os }]'
    const second = Uint8Array.of(2, 0, 0, 0)
    const probed = await probePlatform(board, probe => probe.ask(0x10, 0x7, second, 'base BASE_DISCOVER_AGENT'))
    // A board with two agents.
    const attributes = probed.find(({ name }) => name === 'base PROTOCOL_ATTRIBUTES')!
    attributes.reply[1] = 2
    Object.assign(probed.at(-1)!, { status: 0, reply: Uint8Array.from([...second, ...Buffer.alloc(16, 'modem\0')]) })
    const { text, recorded } = await learnText(kernelTrace(probed))
    expect(text).toContain('agents: [{ name: os }]')
    expect(text).toMatch(/protocol: base, message: BASE_DISCOVER_AGENT, request: "02000000", reply: "020000006d6f/)
    expect(recorded).toBe(2)
    expect(linesOf(await askedAgain(text, probed))).toEqual(linesOf(probed))
  })

  test('a resource that no platform can have is recorded, and so is a protocol that has no other', async () => {
    const caps = ['a', 'b'].map(name => ({ name, unit: 'milliwatt', cap_range: { min: 5, max: 50, step: 5 } }))
    const learnt = async (broken: number) => {
      const probed = await probePlatform(yamlOf({ vendor: 'acme', powercaps: caps }))
      for (const { name, request, reply } of probed) {
        // A lowest cap of 0, which Linux refuses, too.
        if (name === 'powercap POWERCAP_DOMAIN_ATTRIBUTES' && request[0]! < broken) reply.fill(0, 32, 36)
      }
      const learned = await learnText(kernelTrace(probed))
      const again = await probePlatform(learned.text, probe => {
        for (const { protocolId, messageId, request, name } of probed) probe.ask(protocolId, messageId, request, name)
      })
      expect(linesOf(again.slice(-probed.length))).toEqual(linesOf(probed))
      return learned.text
    }
    const one = await learnt(1)
    expect(one).toMatch(/# a \(id 0\) can't be described: a powercap domain needs one of cap/)
    expect(one).toContain('name: b')
    const none = await learnt(2)
    expect(none).not.toContain('powercaps:')
    expect(none).toContain('{ protocol: powercap, message: POWERCAP_DOMAIN_ATTRIBUTES, request: "01000000"')
  })
})
