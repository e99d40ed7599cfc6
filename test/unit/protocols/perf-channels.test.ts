/** Fast channels of performance domains: what agents are told of them, what they read there, and what becomes of what they write. */
import { describe, expect, test } from 'vitest'
import { perfDomains } from '../../../src/platform/perf-domains/index.js'
import { packHeader } from '../../../src/wire/header.js'
import { message, senderTo, takeWords } from '../../support/agent.js'
import { type Described, SHARED, sharedAgent } from '../../support/shared-agent.js'

const PERF = 0x13
const [LIMITS_SET, LIMITS_GET, LEVEL_SET, LEVEL_GET, NOTIFY_LEVEL, DESCRIBE] = [0x5, 0x6, 0x7, 0x8, 0xa, 0xb]
const ALL = [LEVEL_GET, LIMITS_GET, LEVEL_SET, LIMITS_SET]
const [OK, NOT_SUPPORTED, INVALID, DENIED, NOT_FOUND, OUT_OF_RANGE] = [0, -1, -2, -3, -4, -5]
const IMPLEMENTED = 1 << 27
const LEVELS =
  'levels: [{ level: 600, power: 1 }, { level: 1200, power: 2 }, { level: 1800, power: 3 }], sustained_frequency: 1.8 GHz'

const board = (keys = 'fast_channels: true', more = '') =>
  `vendor: acme\n${more}\nperf_domains: [{ name: cpu, ${LEVELS}, ${keys} }, { name: gpu, ${LEVELS} }]`

function perf(keys?: string, more?: string, options: Parameters<typeof sharedAgent>[3] = {}) {
  const test = sharedAgent(board(keys, more), PERF, DESCRIBE, options)
  const model = test.platform.model(perfDomains)
  const cpu = model.named('cpu')
  const all = () => ALL.map(id => test.describe(0, id)) as [Described, Described, Described, Described]
  return { ...test, model, cpu, all }
}

describe('what agents are told', () => {
  test('channels of Linux: sizes, doorbells of 8 bits that are set to 1, a rate limit of one look', () => {
    const { all, hasChannels, send } = perf()
    expect(ALL.map(hasChannels)).toEqual([true, true, true, true])
    expect(send(0x3, 0)[1]! & IMPLEMENTED).toBe(IMPLEMENTED)
    const described = all()
    expect(
      described.map(({ status, attributes, size, rateLimitUs }) => [status, attributes, size, rateLimitUs]),
    ).toEqual([
      [OK, 0, 4, 0],
      [OK, 0, 8, 0],
      [OK, 1, 4, 1000],
      [OK, 1, 8, 1000],
    ])
    expect(described.map(({ masks }) => masks)).toEqual([
      [0, 0, 0, 0],
      [0, 0, 0, 0],
      [1, 0, 0, 0],
      [1, 0, 0, 0],
    ])
    const used = described.flatMap(({ channel, size, doorbell }) => [
      [channel, channel + size],
      ...(doorbell ? [[doorbell, doorbell + 1]] : []),
    ])
    used.sort(([a], [b]) => a! - b!)
    for (const [i, [begin, end]] of used.entries()) {
      expect(begin).toBeGreaterThanOrEqual(i === 0 ? SHARED.address : used[i - 1]![1]!)
      expect(end).toBeLessThanOrEqual(SHARED.address + SHARED.size)
    }
  })

  test.each([
    [8, 1],
    [16, 3],
    [32, 5],
    [64, 7],
  ])('doorbells of %i bits', (bits, attributes) => {
    const { all, cpu, write } = perf(`fast_channels: { doorbell: ${bits} }`)
    const [, , level, limits] = all()
    expect([level.attributes, limits.attributes]).toEqual([attributes, attributes])
    for (const { doorbell } of [level, limits]) expect(doorbell % (bits / 8)).toBe(0)
    write(level, [600])
    expect(cpu.level.level).toBe(600)
    write(limits, [1200, 1200])
    expect([cpu.level.level, cpu.max.level, cpu.min.level]).toEqual([1200, 1200, 1200])
  })

  test('a rate limit of its own, if it is longer than a look', () => {
    expect(perf('fast_channels: { rate_limit: 5 ms }').describe(0, LEVEL_SET).rateLimitUs).toBe(5000)
    expect(perf('fast_channels: { rate_limit: 5 us }').describe(0, LEVEL_SET).rateLimitUs).toBe(1000)
  })

  test.each([
    { name: 'a domain without channels', words: [1, 0x77], status: NOT_SUPPORTED },
    { name: 'no domain', words: [2, LEVEL_GET], status: NOT_FOUND },
    { name: 'a message without channels', words: [0, 0x3], status: NOT_SUPPORTED },
    { name: 'no message', words: [0, 0x77], status: NOT_FOUND },
    { name: 'no message at all', words: [0, 0xffff_ffff], status: NOT_FOUND },
  ])('$name', ({ words, status }) => {
    expect(perf().describe(...words).status).toBe(status)
  })

  test('only what the file names, and what the agent may set', () => {
    const some = perf('fast_channels: { set: [level], get: [limits] }')
    expect(ALL.map(some.hasChannels)).toEqual([false, true, true, false])
    expect(some.all().map(({ status }) => status)).toEqual([NOT_SUPPORTED, OK, OK, NOT_SUPPORTED])
    const denied = perf('fast_channels: true, permissions: { level: false }, set_limits: false')
    expect(denied.all().map(({ status }) => status)).toEqual([OK, OK, NOT_SUPPORTED, NOT_SUPPORTED])
  })

  test('channels that are not announced are described all the same', () => {
    const { all, hasChannels, send } = perf('fast_channels: { announced: false }')
    expect(ALL.map(hasChannels)).toEqual([false, false, false, false])
    expect(send(0x3, 0)[1]! & IMPLEMENTED).toBe(IMPLEMENTED)
    expect(all().map(({ status }) => status)).toEqual([OK, OK, OK, OK])
  })

  test('none, while the guest has no such memory', () => {
    const { agent, all, hasChannels, send } = perf()
    agent.shared!.map(undefined)
    expect(ALL.map(hasChannels)).toEqual([false, false, false, false])
    expect(send(0x3, 0)[1]! & IMPLEMENTED).toBe(0)
    expect(all().map(({ status }) => status)).toEqual(ALL.map(() => NOT_SUPPORTED))
    expect(send(LEVEL_SET, 0, 600)).toEqual([OK])
    expect(agent.shared!.inUse).toBe(false)
  })

  test('a platform without shared memory does not have the command', () => {
    const { exchange } = sharedAgent(board(), PERF, DESCRIBE)
    expect(senderTo(exchange, PERF)(0x2, DESCRIBE)).toEqual([OK, 0])
    const without = perf('')
    expect(without.describe(0, LEVEL_GET).status).toBe(NOT_SUPPORTED)
  })
})

describe('what agents read', () => {
  test('values are there before the first description is answered', () => {
    const { read, describe } = perf()
    expect(read(describe(0, LEVEL_GET))).toEqual([1800])
    expect(read(describe(0, LIMITS_GET))).toEqual([1800, 600])
  })

  test('follows whatever changes the value', () => {
    const { all, read, send, model, cpu, write } = perf()
    const [level, limits, setLevel, setLimits] = all()
    const values = () => [...read(level), ...read(limits)]
    send(LEVEL_SET, 0, 600)
    expect(values()).toEqual([600, 1800, 600])
    model.setLevel(cpu, cpu.highest, 0)
    expect(values()).toEqual([1800, 1800, 600])
    model.setPlatformLimits(cpu, { max: 1200 })
    expect(values()).toEqual([1200, 1200, 600])
    write(setLevel, [600])
    expect(values()).toEqual([600, 1200, 600])
    write(setLimits, [1200, 1200])
    expect(values()).toEqual([1200, 1200, 1200])
  })

  test('0 while the domain is denied, and the value afterwards', () => {
    const { agent, all, read, write, cpu, refused } = perf()
    const [level, , setLevel] = all()
    agent.protocols[PERF]!.allow(['cpu'], false)
    expect(read(level)).toEqual([0])
    write(setLevel, [600])
    expect(cpu.level.level).toBe(1800)
    expect(refused()).toEqual([`PERFORMANCE_LEVEL_SET of cpu by fast channel: 600: ${DENIED}`])
    agent.protocols[PERF]!.allow(['cpu'], true)
    expect(read(level)).toEqual([1800])
  })

  test('indexes, with level indexing, in versions that have it', () => {
    const { all, read, write, cpu, refused, send } = perf('level_indexing: true, fast_channels: true')
    const [level, limits, setLevel, setLimits] = all()
    expect([...read(level), ...read(limits)]).toEqual([2, 2, 0])
    write(setLevel, [1])
    expect([cpu.level.level, ...read(level)]).toEqual([1200, 1])
    write(setLimits, [2, 1])
    expect([cpu.min.level, cpu.max.level]).toEqual([1200, 1800])
    write(setLevel, [3])
    expect([cpu.level.level, refused().length]).toEqual([1200, 1])
    expect(send(0x10, 0x30000)).toEqual([OK])
    expect(read(level)).toEqual([1200])
    write(setLevel, [1800])
    expect(cpu.level.level).toBe(1800)
  })
})

describe('what agents write', () => {
  test('is acted on once the doorbell rings, and not before', () => {
    const { all, agent, cpu, guest, write } = perf()
    const [, , setLevel] = all()
    guest.setUint32(setLevel.channel - SHARED.address, 600, true)
    agent.shared!.look()
    expect(cpu.level.level).toBe(1800)
    write(setLevel, [600])
    expect(cpu.level.level).toBe(600)
    expect(guest.getUint8(setLevel.doorbell - SHARED.address)).toBe(0)
  })

  test('is told as the command would be, to those who trace and to other agents', () => {
    const { all, write, seen, send, events } = perf()
    send(NOTIFY_LEVEL, 0, 1)
    const [, , setLevel, setLimits] = all()
    write(setLevel, [1200])
    write(setLimits, [1800, 1200])
    expect(seen()).toEqual([
      [LEVEL_SET, OK, 0, 1200],
      [LIMITS_SET, OK, 0, 1800, 1200],
    ])
    expect(takeWords(events)).toEqual([[1, 1, 0, 1200]])
  })

  test.each([
    { name: 'no level above', set: LEVEL_SET, words: [1801], status: OUT_OF_RANGE },
    { name: 'level 0', set: LEVEL_SET, words: [0], status: OUT_OF_RANGE },
    { name: 'all bits', set: LEVEL_SET, words: [0xffff_ffff], status: OUT_OF_RANGE },
    { name: 'the minimum above the maximum', set: LIMITS_SET, words: [600, 1200], status: INVALID },
    { name: 'limits out of range', set: LIMITS_SET, words: [2000, 600], status: OUT_OF_RANGE },
    { name: 'no limits', set: LIMITS_SET, words: [0, 0], status: OUT_OF_RANGE },
  ])('$name changes nothing, and is told', ({ set, words, status }) => {
    const { describe, read, write, refused, seen, agent, cpu } = perf()
    const values = [describe(0, LEVEL_GET), describe(0, LIMITS_GET)]
    write(describe(0, set), words)
    expect(values.flatMap(read)).toEqual([1800, 1800, 600])
    expect([cpu.level.level, cpu.max.level, cpu.min.level]).toEqual([1800, 1800, 600])
    expect(seen()).toEqual([[set, status, 0, ...words]])
    expect(refused()).toHaveLength(1)
    expect(agent.protocols[PERF]!.counts.channelStatuses(set)).toEqual([{ status, count: 1 }])
    expect(agent.protocols[PERF]!.counts.statuses(set)).toEqual([])
  })

  test('a value between levels is rounded up, as by message', () => {
    const { describe, write, cpu } = perf()
    write(describe(0, LEVEL_SET), [601])
    expect(cpu.level.level).toBe(1200)
  })

  test('grants and answers of the file apply', () => {
    const granted = perf('grants: { 1200: 600 }, fast_channels: true')
    granted.write(granted.describe(0, LEVEL_SET), [1200])
    expect(granted.cpu.level.level).toBe(600)
    const busy = perf('answers: { PERFORMANCE_LEVEL_SET: BUSY }, fast_channels: true')
    busy.write(busy.describe(0, LEVEL_SET), [1200])
    expect([busy.cpu.level.level, busy.refused().length]).toEqual([1800, 1])
  })

  test('the last of several writes between two looks counts', () => {
    const { describe, write, cpu, seen } = perf()
    const level = describe(0, LEVEL_SET)
    write(level, [600], false)
    write(level, [1200])
    expect([cpu.level.level, seen().length]).toEqual([1200, 1])
  })

  test('a new driver begins anew: nothing is watched until it is described again', () => {
    const { agent, describe, write, cpu, guest } = perf()
    const level = describe(0, LEVEL_SET)
    agent.restart()
    expect([agent.shared!.watched, agent.shared!.inUse]).toEqual([false, false])
    write(level, [600], false)
    expect(describe(0, LEVEL_SET)).toEqual(level)
    agent.shared!.look()
    expect(cpu.level.level).toBe(1800)
    expect(guest.getUint32(level.channel - SHARED.address, true)).toBe(600)
  })
})

describe('without a doorbell', () => {
  const silent = () => perf('fast_channels: { doorbell: false }')

  test('a word is acted on when it changes', () => {
    const { describe, write, cpu, seen } = silent()
    const level = describe(0, LEVEL_SET)
    expect([level.attributes, level.doorbell]).toEqual([0, 0])
    write(level, [600])
    expect(cpu.level.level).toBe(600)
    write(level, [600])
    write(level, [1200])
    expect([cpu.level.level, seen().length]).toEqual([1200, 2])
  })

  test('two words are acted on when two looks agree: half a write is not seen', () => {
    const { describe, write, cpu, agent, seen } = silent()
    const limits = describe(0, LIMITS_SET)
    write(limits, [1200, 0])
    expect([cpu.max.level, seen().length]).toEqual([1800, 0])
    write(limits, [1200, 600])
    expect(seen()).toEqual([])
    agent.shared!.look()
    expect([cpu.max.level, seen().length]).toEqual([1200, 1])
    agent.shared!.look()
    expect(seen()).toEqual([])
  })

  test('a write is acted on that nobody had looked at when the memory table changed; one that was is not again', () => {
    const { agent, guest, describe, write, cpu, seen } = silent()
    const level = describe(0, LEVEL_SET)
    write(level, [600])
    write(level, [1200], false)
    for (let change = 0; change < 2; change++) {
      agent.shared!.map(undefined)
      agent.shared!.map(guest)
      agent.shared!.look()
    }
    expect([cpu.level.level, seen().length]).toEqual([1200, 2])
  })
})

test('each agent has channels of its own', () => {
  const agents = 'agents: [{ name: one }, { name: two }]'
  const { agent, platform, describe, write, read } = perf('fast_channels: true', agents)
  expect(agent.shared!.watched).toBe(false)
  const level = describe(0, LEVEL_GET)
  platform
    .model(perfDomains)
    .setLevel(platform.model(perfDomains).named('cpu'), platform.model(perfDomains).named('cpu').lowest, 2)
  expect(read(level)).toEqual([600])
  write(describe(0, LEVEL_SET), [1800])
  expect(read(level)).toEqual([1800])
})

test('after a restart with a state file, channels go on as they were described', () => {
  const first = perf()
  const [level, , setLevel] = first.all()
  const saved = first.agent.protocols[PERF]!.save()
  const second = perf()
  second.agent.protocols[PERF]!.restore(saved)
  second.agent.shared!.map(second.guest)
  expect(second.read(level)).toEqual([1800])
  second.write(setLevel, [600])
  expect(second.cpu.level.level).toBe(600)
})

test('writes and readings allocate nothing', () => {
  const { agent, exchange, describe } = perf()
  expect(exchange(message(packHeader(PERF, LEVEL_GET, 0, 0), 0)).length).toBe(12)
  describe(0, LEVEL_SET)
  agent.channelSeen = undefined
  expect(agent.shared!.watched).toBe(true)
})
