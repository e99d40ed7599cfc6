/**
 * Asks a platform in this process what Linux asks of firmware while it probes, in that order: base, then each protocol with
 * its resources, their lists and their values at start.
 */
import { exchange } from '../../src/device/exchange.js'
import { idField, indexField, partialList } from '../../src/learn/told.js'
import type { Agent } from '../../src/protocols/declaration/agent.js'
import type { Command, Protocol } from '../../src/protocols/declaration/protocol.js'
import { decodeSome, encode, type Values } from '../../src/wire/fields.js'
import { packHeader } from '../../src/wire/header.js'

/** A message and its answer, as the kernel dumps them. */
export interface Probed {
  protocolId: number
  messageId: number
  /** `clock CLOCK_ATTRIBUTES` */
  name: string
  request: Uint8Array
  status: number
  reply: Uint8Array
}

const CAPACITY = 136

export class KernelProbe {
  readonly probed: Probed[] = []
  readonly #agent: Agent

  constructor(agent: Agent) {
    this.#agent = agent
  }

  ask(protocolId: number, messageId: number, request: Uint8Array, name = ''): Probed {
    const message = new Uint8Array(4 + request.length)
    new DataView(message.buffer).setUint32(0, packHeader(protocolId, messageId, 0, this.probed.length % 1024), true)
    message.set(request, 4)
    const bytes = exchange(this.#agent, message, CAPACITY)
    const status = new DataView(bytes.buffer).getInt32(4, true)
    const probed = { protocolId, messageId, name, request, status, reply: bytes.slice(8) }
    this.probed.push(probed)
    return probed
  }

  /** All protocols that the agent is served. */
  all(): Probed[] {
    for (const served of this.#agent.protocols) if (served) this.#protocol(served.protocol, served.version)
    return this.probed
  }

  #protocol(protocol: Protocol, version: number): void {
    const commands = protocol.commandsOf(version).filter(command => command !== undefined)
    this.#send(
      protocol,
      commands.find(({ id }) => id === 0),
    )
    const attributes = this.#send(
      protocol,
      commands.find(({ id }) => id === 1),
    )
    for (const { id } of commands)
      this.#send(
        protocol,
        commands.find(({ id }) => id === 2),
        { message_id: id },
      )
    const count = attributes && countOf(protocol.name, attributes)
    const plain = commands.filter(command => command.id > 2 && command.id !== 0x10 && command.reply.length > 0)
    for (const command of plain) if (idField(command.request) === undefined) this.#ask(protocol, command, {})
    const about = plain.filter(command => idField(command.request) !== undefined)
    if (protocol.name === 'pinctrl') this.#pins(protocol, about, attributes!)
    else
      for (let id = 0; id < (count ?? 0); id++)
        for (const command of about) this.#ask(protocol, command, { [idField(command.request)!]: id })
  }

  #pins(protocol: Protocol, commands: Command[], { reply }: Probed): void {
    const words = new DataView(reply.buffer)
    const counts = [words.getUint16(0, true), words.getUint16(2, true), words.getUint16(4, true)]
    counts.forEach((count, selector) => {
      for (let id = 0; id < count; id++) {
        for (const command of commands) {
          if (command.name === 'PINCTRL_SETTINGS_GET') {
            if (selector < 2) this.#ask(protocol, command, { identifier: id, attributes: (1 << 18) | (selector << 16) })
          } else if (selector > 0 || command.name !== 'PINCTRL_LIST_ASSOCIATIONS')
            this.#ask(protocol, command, { identifier: id, flags: selector })
        }
      }
    })
  }

  /** A command, and the rest of its list. */
  #ask(protocol: Protocol, command: Command, values: Values): void {
    const list = partialList(command.reply)
    const index = indexField(command.request)
    for (let entries = 0; ; ) {
      const { status, reply } = this.#send(
        protocol,
        command,
        index === undefined ? values : { ...values, [index]: entries },
      )!
      if (!list || index === undefined || status !== 0) return
      const told = decodeSome(command.reply, new DataView(reply.buffer))
      const returned = (told[list.name] as Values[]).length
      entries += returned
      if (returned === 0 || !list.remaining?.(told)) return
    }
  }

  #send(protocol: Protocol, command: Command | undefined, values: Values = {}): Probed | undefined {
    if (!command) return undefined
    const all = Object.fromEntries(
      command.request.map(field => [(field as { name: string }).name, field.kind === 'list' ? [] : 0]),
    )
    const request = encode(command.request, { ...all, ...values })
    return this.ask(protocol.id, command.id, request, `${protocol.name} ${command.name}`)
  }
}

function countOf(protocol: string, { reply }: Probed): number {
  const words = new DataView(reply.buffer)
  return protocol === 'base' ? words.getUint8(1) + 1 : words.getUint16(0, true)
}

/** The text of the kernel's trace: the events of each transfer. */
export function kernelTrace(probed: readonly Probed[]): string {
  const hex = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0')
  let us = 1_000_000
  const line = (event: string, text: string): string => {
    us += 20
    const time = `${Math.floor(us / 1e6)}.${String(us % 1_000_000).padStart(6, '0')}`
    return `    kworker/u8:1-37      [001] .....     ${time}: ${event}: ${text}\n`
  }
  return probed
    .map(({ protocolId, messageId, request, status, reply }, i) => {
      const [pt, id, seq] = [hex(protocolId, 2), hex(messageId, 2), hex(i % 1024, 4)]
      const dump = (tag: string, s: number, bytes: Uint8Array): string =>
        line(
          'scmi_msg_dump',
          `id=0 ch=10 pt=${pt} t=${tag} msg_id=${id} seq=${seq} s=${s} pyld=${Buffer.from(bytes).toString('hex')}`,
        )
      return [
        line('scmi_xfer_begin', `pt=${pt} msg_id=${id} seq=${seq} transfer_id=${hex(i + 1, 1)} poll=0 inflight=1`),
        dump('CMND', 0, request),
        dump('RESP', status, status === 0 ? reply : new Uint8Array()),
        line('scmi_xfer_end', `pt=${pt} msg_id=${id} seq=${seq} transfer_id=${hex(i + 1, 1)} s=0 inflight=0`),
      ].join('')
    })
    .join('')
}
