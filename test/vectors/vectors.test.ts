/**
 * Byte vectors: whole messages as they cross the wire, one file per protocol, and `PROTOCOL.WHAT.yaml` for what needs a
 * platform of its own. Each is sent through dispatch, its reply and
 * events are compared, and every message is decoded by the protocol's field tables and encoded again.
 *
 * A step: `send` has the bytes of a message, `reply` those of the expected reply (`unanswered: true`: none), `capacity` the
 * size of its buffer (default: Linux's). `advance` moves time by microseconds. `call` is an action on the host: a method of
 * a section's model and its arguments; `{ named: … }` is a resource. `events` are all messages that are then on the event
 * queue, in order. On the vector, `version` announces another version of the protocol, and `events: false` removes the
 * event queue. Bars in bytes only separate header, status and fields.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { CAPACITY } from '../../src/client/channel.js'
import type { Platform, ResourceKind } from '../../src/platform/core/platform.js'
import type { Command, Protocol } from '../../src/protocols/declaration/protocol.js'
import { decode, encode, type Fields } from '../../src/wire/fields.js'
import { COMMAND, DELAYED_RESPONSE, messageIdOf, NOTIFICATION, protocolIdOf, typeOf } from '../../src/wire/header.js'
import { createTestAgent, fromHex, hex, everyProtocol as protocols } from '../support/agent.js'

interface Step {
  send?: string
  reply?: string
  unanswered?: boolean
  capacity?: number
  advance?: number
  call?: [section: string, method: string, ...args: unknown[]]
  events?: string[]
}
interface Vector {
  name: string
  version?: number
  events?: boolean
  steps: Step[]
}

/** What some vector showed: `0x14 3 since 0x20000 reply`. */
const shown = new Set<string>()

function layoutKey(protocol: Protocol, id: number, since: number, what: string): string {
  return `${protocol.name} 0x${id.toString(16)} since 0x${since.toString(16)}: ${what}`
}

function reencode(fields: Fields, bytes: Uint8Array, name: string): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  expect(hex(encode(fields, decode(fields, view))), `${name}, decoded and encoded again`).toBe(hex(bytes))
}

const files = readdirSync(import.meta.dirname).filter(file => file.endsWith('.yaml'))

for (const file of files) {
  const { platform, vectors } = parse(readFileSync(`${import.meta.dirname}/${file}`, 'utf8')) as {
    platform: string
    vectors: Vector[]
  }
  const [name, what = ''] = file.split('.')
  const protocol = protocols.find(protocol => protocol.name === name)
  if (!protocol) throw new Error(`${file} is named after no protocol`)

  describe(`${name} ${what === 'yaml' ? '' : what}`.trim(), () => {
    test.each(vectors)('$name', vector => {
      const versions = vector.version === undefined ? {} : { [protocol.name]: vector.version }
      const {
        agent,
        platform: built,
        time,
        events,
        exchange,
      } = createTestAgent(platform, { versions, events: vector.events ?? true })
      for (const step of vector.steps) {
        if (step.send !== undefined) {
          const request = fromHex(step.send)
          const header = new DataView(request.buffer).getUint32(0, true)
          // The command as it stands before it runs: NEGOTIATE_PROTOCOL_VERSION changes the table.
          const served = agent.protocols[protocolIdOf(header)]
          const command = typeOf(header) === COMMAND ? served?.commands[messageIdOf(header)] : undefined
          const reply = exchange(request, step.capacity ?? CAPACITY)
          expect(hex(reply)).toBe(step.unanswered ? '' : hex(fromHex(step.reply ?? '')))
          if (served && command) checkTables(served.protocol, command, request, reply)
        }
        if (step.call) call(built, ...step.call)
        if (step.advance !== undefined) time.advance(step.advance)
        if (step.events !== undefined) {
          const sent = events.take()
          expect(sent.map(hex)).toEqual(step.events.map(event => hex(fromHex(event))))
          for (const event of sent) checkEvent(event)
        }
      }
    })
  })
}

type Model = Record<string, (...args: unknown[]) => unknown>

function call(platform: Platform, section: string, method: string, ...args: unknown[]): void {
  const kind = protocols.find(protocol => protocol.resource?.section === section)?.resource
  const model = platform.model(kind as ResourceKind<unknown, Model>)
  const isNamed = (arg: unknown): arg is { named: string } => typeof arg === 'object' && arg !== null && 'named' in arg
  model[method]?.(...args.map(arg => (isNamed(arg) ? model.named?.(arg.named) : arg)))
}

function checkTables(protocol: Protocol, command: Command, request: Uint8Array, reply: Uint8Array): void {
  const status = reply.length < 8 ? undefined : new DataView(reply.buffer).getInt32(4, true)
  if (status === -10) return // The request is of the wrong length: no layout describes it.
  reencode(command.request, request.subarray(4), `request of ${command.name}`)
  if (status === 0) {
    reencode(command.reply, reply.subarray(8), `reply of ${command.name}`)
    shown.add(layoutKey(protocol, command.id, command.since, 'reply'))
  }
}

function checkEvent(bytes: Uint8Array): void {
  const header = new DataView(bytes.buffer).getUint32(0, true)
  const protocol = protocols.find(protocol => protocol.id === protocolIdOf(header))!
  if (typeOf(header) === NOTIFICATION) {
    const events = protocol.events.filter(event => event.id === messageIdOf(header))
    const event = events.findLast(event => fits(event.fields, bytes.subarray(4)))!
    reencode(event.fields, bytes.subarray(4), event.name)
    shown.add(layoutKey(protocol, event.id, event.since, 'notification'))
  } else {
    expect(typeOf(header)).toBe(DELAYED_RESPONSE)
    const commands = protocol.commands.filter(command => command.id === messageIdOf(header) && command.delayed)
    const command = commands.findLast(command => fits(command.delayed!, bytes.subarray(8)))!
    reencode(command.delayed!, bytes.subarray(8), `delayed response of ${command.name}`)
    shown.add(layoutKey(protocol, command.id, command.since, 'delayed response'))
  }
}

function fits(fields: Fields, bytes: Uint8Array): boolean {
  try {
    decode(fields, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    return true
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

describe('every layout has a vector', () => {
  test.each(protocols.map(protocol => ({ protocol, name: protocol.name })))('$name', ({ protocol }) => {
    const wanted = [
      ...protocol.commands.map(command => layoutKey(protocol, command.id, command.since, 'reply')),
      ...protocol.commands
        .filter(command => command.delayed)
        .map(command => layoutKey(protocol, command.id, command.since, 'delayed response')),
      ...protocol.events.map(event => layoutKey(protocol, event.id, event.since, 'notification')),
    ]
    expect(wanted.filter(key => !shown.has(key))).toEqual([])
  })
})
