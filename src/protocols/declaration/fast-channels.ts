/**
 * Fast channels: words in shared memory that an agent writes instead of sending a command (then it rings a doorbell), or
 * reads instead of asking. The agent finds them by the command DESCRIBE_FASTCHANNEL of the protocol. What it writes is
 * acted on as the command would be; there is no answer, so a refused write is only counted, traced and logged.
 */
import { z } from 'zod'
import { readSaved, type Saved } from '../../platform/core/kept.js'
import { u32 } from '../../wire/fields.js'
import type { MessageWriter } from '../../wire/message.js'
import { DENIED, NOT_FOUND, NOT_SUPPORTED, SUCCESS } from '../../wire/status.js'
import type { KeptPart } from './kept-view.js'
import type { Area, SharedMemory } from './shared-memory.js'
import type { ResourceView, Viewed } from './view.js'

/** PROTOCOL_MESSAGE_ATTRIBUTES: the command has fast channels */
export const HAS_FAST_CHANNELS = 1 << 0
/** DESCRIBE_FASTCHANNEL attributes: there is a doorbell; above, its width: 8 << n bits */
const DOORBELL = 1 << 0
const WIDTH_AT = 1
const WIDTH = 0x3

/** Bits of the doorbell that DESCRIBE_FASTCHANNEL's attributes tell of; 0: there is none. */
export const doorbellOf = (attributes: number): number =>
  attributes & DOORBELL ? 8 << ((attributes >>> WIDTH_AT) & WIDTH) : 0

const WORD = 4
/** What an agent writes into a doorbell; nothing of the old value is preserved. */
const RING = 1

/** Fields of DESCRIBE_FASTCHANNEL's reply. */
export const FAST_CHANNEL = [
  ...[u32('attributes'), u32('rate_limit'), u32('chan_addr_low'), u32('chan_addr_high'), u32('chan_size')],
  ...[u32('db_addr_low'), u32('db_addr_high')],
  ...[u32('db_set_lmask'), u32('db_set_hmask'), u32('db_preserve_lmask'), u32('db_preserve_hmask')],
]

interface ChannelOf<Resource> {
  resource: Resource
  messageId: number
  /** Which of several of the same resource. */
  index?: number
  /** How many words it has. */
  words: 1 | 2
  /** What the words are now. Hot code. */
  read(word: number): number
  /** Told to agents by PROTOCOL_MESSAGE_ATTRIBUTES. */
  announced: boolean
  /** Whether a command of the agent's version does the same. A guest can write channels that it was never told of. */
  exists?(): boolean
}

export type GetChannel<Resource> = ChannelOf<Resource>

export interface SetChannel<Resource> extends ChannelOf<Resource> {
  /** Bits of the doorbell; 0: none. */
  doorbell: number
  rateLimitUs: number
  /** Does what the command would do with these words; returns its status. */
  write(first: number, second: number): number
  /** The command's request for these words, for people: `id` is the agent's id of the resource. */
  request(id: number, first: number, second: number): readonly number[]
}

/** Words that occur in no request otherwise. */
const FIRST = -1
const SECOND = -2

interface Channel<Resource> extends ChannelOf<Resource> {
  readonly area: Area
  readonly bell: Area | undefined
  readonly set: SetChannel<Resource> | undefined
  /** Words that were acted on last, and that were seen at the last look: of channels without a doorbell. */
  readonly acted: [number, number]
  readonly seen: [number, number]
}

const savedUse = z.literal([0, 1, 2])

export class FastChannels<Resource extends Viewed> implements KeptPart<Resource> {
  readonly #view: ResourceView<Resource>
  readonly #byResource = new Map<Resource, Channel<Resource>[]>()
  /** Message ids that are announced to have channels. */
  readonly #announced = new Set<number>()
  /** Those that agents read. */
  readonly #gets: Channel<Resource>[] = []
  readonly #unrung: Channel<Resource>[] = []
  /** What channels without a doorbell have counts as acted on: the driver was told of them just now, or by an earlier process. */
  #takesOver = false

  /** Without shared memory no channel may be added, and nothing happens. */
  constructor(view: ResourceView<Resource>) {
    this.#view = view
    this.#shared?.onUse(used => (this.#takesOver = used))
    this.#shared?.onFill(() => this.#fill())
  }

  get #shared(): SharedMemory | undefined {
    return this.#view.protocol.agent.shared
  }

  /** There are some, whether or not the guest has the memory. */
  get exist(): boolean {
    return this.#byResource.size > 0
  }

  /** Adds a channel that the agent reads. */
  get(channel: GetChannel<Resource>): void {
    const area = this.#shared!.area(channel.words * WORD)
    this.#gets.push(this.#add(channel, area, undefined, undefined))
  }

  /** Adds a channel that the agent writes. */
  set(channel: SetChannel<Resource>): void {
    const shared = this.#shared!
    const bytes = channel.words * WORD
    if (channel.doorbell > 0) {
      const bell = shared.bell(channel.doorbell / 8, () => this.#act(added))
      const added = this.#add(channel, shared.area(bytes), bell, channel)
    } else {
      const area = shared.unrung(bytes, () => this.#look(added))
      const added = this.#add(channel, area, undefined, channel)
      this.#unrung.push(added)
    }
  }

  #add(
    channel: ChannelOf<Resource>,
    area: Area,
    bell: Area | undefined,
    set: SetChannel<Resource> | undefined,
  ): Channel<Resource> {
    const added: Channel<Resource> = { ...channel, area, bell, set, acted: [0, 0], seen: [0, 0] }
    const others = this.#byResource.get(channel.resource)
    if (others) others.push(added)
    else this.#byResource.set(channel.resource, [added])
    if (channel.announced) this.#announced.add(channel.messageId)
    return added
  }

  /** Whether the agent is told that a resource has channels: they are there, and so is the memory. */
  has(resource: Resource): boolean {
    return this.#byResource.has(resource) && this.#shared?.view !== undefined
  }

  /** PROTOCOL_MESSAGE_ATTRIBUTES of a command. */
  attributesOf(messageId: number): number {
    return this.#announced.has(messageId) && this.#shared?.view !== undefined ? HAS_FAST_CHANNELS : 0
  }

  /** The reply of DESCRIBE_FASTCHANNEL; returns its status. The guest may read the channel from now on. */
  describe(resource: Resource, messageId: number, index: number, reply: MessageWriter): number {
    const shared = this.#shared
    const channels = this.#byResource.get(resource)
    if (!channels || !shared?.view) return NOT_SUPPORTED
    if (!this.#view.protocol.command(messageId)) return NOT_FOUND
    const channel = channels.find(channel => channel.messageId === messageId && (channel.index ?? 0) === index)
    if (!channel) return NOT_SUPPORTED
    const { area, bell, set } = channel
    const before = shared.save()
    if (set) shared.watch()
    else shared.use()
    if (shared.save() !== before) this.#view.protocol.onChange?.()
    const width = set && bell ? Math.log2(set.doorbell / 8) : 0
    reply.u32(bell ? DOORBELL | (width << WIDTH_AT) : 0)
    reply.u32(set ? Math.max(set.rateLimitUs, shared.pollMs * 1000) : 0)
    address(reply, shared.addressOf(area))
    reply.u32(channel.words * WORD)
    address(reply, bell ? shared.addressOf(bell) : 0)
    reply.u32(bell ? RING : 0)
    reply.u32(0)
    reply.u64(0)
    return SUCCESS
  }

  /** A value of the resource changed: its channels show the new one. Hot code. */
  refresh(resource: Resource): void {
    if (!this.#shared?.inUse) return
    const channels = this.#byResource.get(resource)
    if (!channels) return
    for (const channel of channels) if (!channel.set) this.#show(channel)
  }

  /** The same for all: versions or permissions changed. */
  refreshAll(): void {
    if (this.#shared?.inUse) for (const channel of this.#gets) this.#show(channel)
  }

  /** A resource that was taken from the agent shows 0. */
  #show({ resource, words, area, read }: Channel<Resource>): void {
    const to = this.#shared!.words
    if (to.length === 0) return
    const isSeen = this.#view.idOf(resource) !== undefined
    const at = area.offset / WORD
    for (let word = 0; word < words; word++) to[at + word] = isSeen ? read(word) : 0
  }

  /** Before the driver is told an address, where the region has moved to, or when the driver runs on. */
  #fill(): void {
    this.refreshAll()
    if (!this.#takesOver) return
    this.#takesOver = false
    const { words } = this.#shared!
    for (const { area, acted, seen, ...channel } of this.#unrung) {
      for (let word = 0; word < channel.words; word++) {
        acted[word] = seen[word] = words[area.offset / WORD + word]! >>> 0
      }
    }
  }

  /**
   * A channel without a doorbell. Two words are acted on when two looks in a row agree: the agent may be between the two. It
   * begins with 0, so writing 0 first is not noticed.
   */
  #look(channel: Channel<Resource>): void {
    const { area, acted, seen, words } = channel
    const from = this.#shared!.words
    const first = from[area.offset / WORD]! >>> 0
    const second = words === 2 ? from[area.offset / WORD + 1]! >>> 0 : 0
    const isStable = words === 1 || (first === seen[0] && second === seen[1])
    seen[0] = first
    seen[1] = second
    if (!isStable || (first === acted[0] && second === acted[1])) return
    acted[0] = first
    acted[1] = second
    this.#actOn(channel, first, second)
  }

  /** The agent has rung: each word is read once. */
  #act(channel: Channel<Resource>): void {
    const { words } = this.#shared!
    const at = channel.area.offset / WORD
    this.#actOn(channel, words[at]! >>> 0, channel.words === 2 ? words[at + 1]! >>> 0 : 0)
  }

  #actOn({ set, resource, messageId }: Channel<Resource>, first: number, second: number): void {
    const { protocol } = this.#view
    const { agent } = protocol
    const id = this.#view.idOf(resource)
    const exists = set!.exists?.() ?? true
    const status = this.#refusal(id, exists) ?? this.#answer(resource, messageId) ?? set!.write(first, second)
    agent.changed = true
    protocol.counts.byChannel(messageId, status)
    const { channelSeen, channelRefused } = agent
    // No request of an older version stands for what only a later one can do.
    if (channelSeen && exists)
      channelSeen(protocol.protocol.id, messageId, status, set!.request(id ?? 0, first, second))
    if (status !== SUCCESS && channelRefused) {
      const { name } = protocol.protocol.commands.find(({ id }) => id === messageId)!
      const values = set!.words === 2 ? `${first}, ${second}` : `${first}`
      channelRefused(`${name} of ${resource.name} by fast channel`, values, status)
    }
  }

  #refusal(id: number | undefined, exists: boolean): number | undefined {
    if (id === undefined) return DENIED
    return exists ? undefined : NOT_SUPPORTED
  }

  /** Acts on a write again, from the request that stands for it in a trace; does nothing if there is no such channel. */
  again(messageId: number, request: readonly number[]): void {
    const [id = -1] = request
    for (const channel of [...this.#byResource.values()].flat()) {
      const { set, resource } = channel
      if (!set || channel.messageId !== messageId || this.#view.idOf(resource) !== id) continue
      if (set.exists?.() === false) continue
      // Where the words are in the request.
      const places = set.request(id, FIRST, SECOND)
      const [first = 0, second = 0] = [FIRST, SECOND].map(word => request[places.indexOf(word)])
      const isThis = set.request(id, first, second).every((word, i) => word === request[i])
      if (isThis) this.#actOn(channel, first, second)
    }
  }

  /** The status that the platform file gives the command for this resource. */
  #answer({ answers }: Resource, messageId: number): number | undefined {
    if (!answers) return undefined
    const name = this.#view.protocol.command(messageId)?.name
    return name === undefined ? undefined : answers.get(name)
  }

  /** All, because resources may have been given back as well. */
  revoke(): void {
    this.refreshAll()
  }

  /** The driver keeps its mappings: what it asked for ends with it, in SharedMemory.forget. */
  clear(): void {}

  save(): Saved {
    return this.#shared?.save() ?? 0
  }

  restore(saved: Saved): void {
    this.#shared?.resume(readSaved(savedUse, saved))
  }
}

function address(reply: MessageWriter, at: number): void {
  reply.u32(at % 2 ** 32)
  reply.u32(Math.floor(at / 2 ** 32))
}
