/**
 * A guest that sends as fast as it can. It writes descriptors and requests of many commands once, then offers the same chains
 * again and again. Each reply must have its command's header, SUCCESS, and the length of that command's first reply.
 */
import { FrontEnd } from '../../src/front-end/front-end.js'
import { Descriptor } from '../../src/front-end/protocol.js'
import { packHeader } from '../../src/wire/header.js'
import { CAPACITY, Guest } from '../driver/guest.js'

const SIZE = 256
const DEPTH = SIZE / 2
const SLOT = 256

/** A clock that nobody else uses. */
const CLOCK_BULK = 6
/** Commands that do not disturb other guests: protocol, message, words. */
const COMMANDS: readonly (readonly number[])[] = [
  [0x10, 0x0],
  [0x10, 0x3],
  [0x10, 0x6, 0],
  [0x10, 0x7, 0],
  [0x11, 0x1],
  [0x11, 0x5, 0],
  [0x13, 0x4, 0, 0],
  [0x13, 0x6, 0],
  [0x13, 0x8, 0],
  [0x14, 0x3, 1],
  [0x14, 0x4, 0, 0],
  [0x14, 0x5, 0, CLOCK_BULK, 2_000_000, 0],
  [0x14, 0x6, 0],
  [0x14, 0x6, CLOCK_BULK],
  [0x14, 0x7, CLOCK_BULK, 1, 0],
  [0x14, 0x7, CLOCK_BULK, 0, 0],
  [0x14, 0xc, 5, 0],
  [0x15, 0x3, 0],
  [0x15, 0x6, 0, 0],
  [0x15, 0x9, 0],
  [0x16, 0x3, 0],
  [0x17, 0x4, 0, 0],
  [0x17, 0x6, 1],
  [0x17, 0x8, 1],
  [0x18, 0x3, 0],
  [0x18, 0x4, 0],
  [0x19, 0x3, 0, 0],
  [0x19, 0x5, 0, 10],
]

export class BulkGuest {
  readonly guest = new Guest({ size: SIZE })
  offered = 0
  answered = 0
  readonly #requests: number
  readonly #replies: DataView
  /** Length of the first reply to each command. */
  readonly #lengths = new Uint32Array(COMMANDS.length)
  readonly #headers = new Uint32Array(DEPTH)

  constructor() {
    const { memory, driver } = this.guest
    this.#requests = memory.allocate(DEPTH * SLOT)
    const replies = memory.allocate(DEPTH * SLOT)
    this.#replies = memory.view(replies, DEPTH * SLOT)
    for (let slot = 0; slot < DEPTH; slot++) {
      const [protocol, id, ...words] = COMMANDS[slot % COMMANDS.length] as [number, number, ...number[]]
      const request = Uint32Array.of(packHeader(protocol, id, 0, slot), ...words)
      this.#headers[slot] = request[0]!
      const at = this.#requests + slot * SLOT
      memory.write(at, new Uint8Array(request.buffer))
      driver.cmdq.descriptor(2 * slot, at, request.byteLength, Descriptor.NEXT, 2 * slot + 1)
      driver.cmdq.descriptor(2 * slot + 1, replies + slot * SLOT, CAPACITY, Descriptor.WRITE)
    }
    for (let i = 0; i < SIZE; i++) driver.cmdq.available[2 + i] = 2 * (i % DEPTH)
  }

  async connect(path: string): Promise<void> {
    const { cmdq } = this.guest.driver
    this.guest.frontEnd = FrontEnd.connect(path)
    await this.guest.start(this.guest.frontEnd, 0n, [cmdq.usedIdx, 0])
  }

  /** Takes the replies that have arrived and, if `more`, fills the queue again. Throws on a wrong reply. Hot. */
  turn(more: boolean): void {
    const { cmdq } = this.guest.driver
    const idx = cmdq.usedIdx
    for (; cmdq.nextUsed !== idx; cmdq.nextUsed = (cmdq.nextUsed + 1) & 0xffff) this.#take()
    if (!more || this.offered - this.answered === DEPTH) return
    cmdq.nextAvailable = (cmdq.nextAvailable + DEPTH - (this.offered - this.answered)) & 0xffff
    this.offered = this.answered + DEPTH
    cmdq.publish()
  }

  #take(): void {
    const { cmdq } = this.guest.driver
    const slot = this.answered % DEPTH
    const entry = 1 + 2 * (cmdq.nextUsed % SIZE)
    const head = cmdq.usedEntries[entry]!
    const length = cmdq.usedEntries[entry + 1]!
    const header = this.#replies.getUint32(slot * SLOT, true)
    const status = this.#replies.getInt32(slot * SLOT + 4, true)
    const command = slot % COMMANDS.length
    this.#lengths[command] ||= length
    if (head !== 2 * slot || header !== this.#headers[slot] || status !== 0 || length !== this.#lengths[command]) {
      const [protocol, id] = COMMANDS[command] as [number, number]
      const what = `answer ${this.answered}, to 0x${protocol.toString(16)} 0x${id.toString(16)}`
      throw new Error(`${what}: head ${head}, header 0x${header.toString(16)}, status ${status}, ${length} bytes`)
    }
    // Otherwise a missing reply would look like the previous one.
    this.#replies.setUint32(slot * SLOT, 0, true)
    this.answered++
  }
}
