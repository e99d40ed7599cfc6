/**
 * A million random messages for each protocol, on a platform with every kind of resource. A failure names the message and
 * the seed; FUZZ_SEED repeats it.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Platform } from '../../src/platform/core/platform.js'
import type { PlatformConfig } from '../../src/platform/core/platform-config.js'
import { VirtualTime } from '../../src/platform/core/time.js'
import { agentsOf, parsePlatformConfig } from '../../src/platform/file/config.js'
import { Agent, type ServedProtocol } from '../../src/protocols/declaration/agent.js'
import type { Command, Protocol } from '../../src/protocols/declaration/protocol.js'
import { resourceKinds } from '../../src/protocols/declaration/served.js'
import { protocols } from '../../src/protocols/index.js'
import { voltage } from '../../src/protocols/voltage.js'
import { SUCCESS } from '../../src/wire/status.js'
import { stateDigest } from '../support/digest.js'
import { CheckedEvents, RandomMessages, type Shape } from '../support/random-messages.js'

const MESSAGES = 1_000_000
const BATCHES = 20
/** After so many messages, time advances by up to STEP_MAX_US. */
const MESSAGES_AT_ONCE = 500
const STEP_MAX_US = 20_000
/** All need half a minute of CPU time; the machine may be busy. */
const LIMIT_MS = 300_000

const preset = readFileSync(join(import.meta.dirname, '../../src/platform/presets/everything.yaml'), 'utf8')
/** A second agent, and devices to grant and deny, which the preset lacks. */
const PEOPLE = `
agents: [{ name: first }, { name: second, trusted: true }]
devices:
  - { name: serial, resources: { clocks: [clk_uart], resets: [rst_uart], pinctrl: [pin_uart_tx] } }
  - { name: gpu, resources: { power_domains: [pd_gpu], perf_domains: [perf_gpu], voltages: [vdd_gpu] } }
`
const kinds = resourceKinds(protocols)
const config = parsePlatformConfig(preset + PEOPLE, 'everything.yaml', protocols, kinds, config => config)

const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
console.info(`random messages: FUZZ_SEED=${seed}`)

/** Counts started timers: a refused command must start none. */
class CountingTime extends VirtualTime {
  timers = 0

  override after(delayUs: number, run: () => void): ReturnType<VirtualTime['after']> {
    this.timers++
    return super.after(delayUs, run)
  }
}

const shapes: fc.Arbitrary<Shape> = fc.record({
  strangeIds: fc.constantFrom(0, 10, 100),
  strangeLengths: fc.constantFrom(0, 50, 500),
  strangeWords: fc.constantFrom(0, 20, 300),
  strangeRooms: fc.constantFrom(0, 50, 800),
})

interface Batch {
  seed: number
  shape: Shape
  version: number
  /** Whether the driver has an event queue. */
  events: boolean
  messages: number
}

/** Sends a batch to a platform of its own. Returns what the protocol counted. */
function send(protocol: Protocol, { seed, shape, version, events, messages }: Batch): ServedProtocol {
  const time = new CountingTime()
  const announced: PlatformConfig['protocols'] = {
    ...config.protocols,
    [protocol.name]: { ...config.protocols[protocol.name], version },
  }
  const platform = new Platform({ ...config, protocols: announced }, kinds, time)
  const served = protocols.map(other => (other.id === protocol.id ? protocol : other))
  const sink = new CheckedEvents(served)
  sink.available = events
  const peers: Agent[] = []
  for (const agent of agentsOf(config)) {
    const built = new Agent({ config: agent, platform, events: sink, peers, protocols: served })
    built.shared?.map(new DataView(new ArrayBuffer(built.shared.size)))
    peers.push(built)
  }
  const [agent] = peers as [Agent]
  agent.shared!.map(new DataView(new ArrayBuffer(agent.shared!.size)))
  const under = agent.protocols[protocol.id]
  if (!under) throw new Error(`${protocol.name} is not served`)
  const digest = () => Math.imul(stateDigest(platform, peers), 31) ^ time.timers
  const random = new RandomMessages({ agent, served: under, events: sink, digest, seed, shape })
  for (let sent = 0; sent < messages; sent += MESSAGES_AT_ONCE) {
    random.send(MESSAGES_AT_ONCE)
    time.advance(seed % STEP_MAX_US)
  }
  return under
}

describe('any reply is framed as the specification says, and a refused command changes nothing', () => {
  test.each(protocols.map(protocol => ({ protocol, name: protocol.name })))(
    '$name',
    async ({ protocol }) => {
      const succeeded = new Set<string>()
      const refused = new Set<string>()
      const { versions, commands } = protocol
      let batches = 0
      const run = async (seed: number, shape: Shape): Promise<void> => {
        const version = versions[batches % versions.length]!
        // Each version with and without an event queue: half a million messages are enough for each.
        const events = Math.floor(batches++ / versions.length) % 2 === 0
        const counted = send(protocol, { seed, shape, version, events, messages: MESSAGES / BATCHES })
        for (const { id, name } of commands) {
          for (const { status } of counted.counts.statuses(id)) (status === SUCCESS ? succeeded : refused).add(name)
        }
        // Lets the worker answer vitest.
        await new Promise(setImmediate)
      }
      await fc.assert(fc.asyncProperty(fc.nat(), shapes, run), { numRuns: BATCHES, seed, endOnFailure: true })
      // Otherwise the messages did not reach every command.
      const names = [...new Set(commands.map(({ name }) => name))].sort()
      expect([...succeeded].sort()).toEqual(names)
      expect([...refused].sort()).toEqual(names)
    },
    LIMIT_MS,
  )
})

describe('these messages find', () => {
  const SHAPE: Shape = { strangeIds: 10, strangeLengths: 50, strangeWords: 20, strangeRooms: 50 }
  type Handler = Command['handler']

  /** The Voltage protocol with one command's handler wrapped. */
  function broken(name: string, wrap: (handler: Handler) => Handler): Protocol {
    const breakIt = (command: Command | undefined) =>
      command?.name === name ? { ...command, handler: wrap(command.handler) } : command
    return { ...voltage, commandsOf: version => voltage.commandsOf(version).map(breakIt as never) } as Protocol
  }

  test.each<[string, string, (handler: Handler) => Handler, string]>([
    [
      'a handler that throws',
      'VOLTAGE_LEVEL_GET',
      () => () => {
        throw new Error('boom')
      },
      'boom',
    ],
    [
      'a word too many',
      'VOLTAGE_LEVEL_GET',
      handler => (state, request, reply, protocol) => {
        const status = handler(state, request, reply, protocol)
        reply.u32(0)
        return status
      },
      'answered with 16 bytes instead of 12',
    ],
    [
      'a wrong count of entries',
      'VOLTAGE_DESCRIBE_LEVELS',
      () => (_state, _request, reply) => {
        reply.u32(2)
        reply.u32(1)
        return 0
      },
      'Offset is outside the bounds',
    ],
    ['an unknown status', 'VOLTAGE_LEVEL_GET', () => () => -13, 'status -13'],
    [
      'a change before a refusal',
      'VOLTAGE_LEVEL_SET',
      handler => (state, request, reply, protocol) => {
        const { list } = state as unknown as { list: { level: number }[] }
        list[0]!.level++
        return handler(state, request, reply, protocol)
      },
      'refused, but it changed state',
    ],
    [
      'an event before a refusal',
      'VOLTAGE_CONFIG_SET',
      handler => (state, request, reply, protocol) => {
        protocol.agent.protocols[0x14]?.notify(0, [0, 0, 0, 0])
        return handler(state, request, reply, protocol)
      },
      'refused, but it sent an event',
    ],
  ])('%s', (_, name, wrap, problem) => {
    const batch = { seed, shape: SHAPE, version: 0x20001, events: true, messages: 20_000 }
    expect(() => send(broken(name, wrap), batch)).toThrow(problem)
  })
})
