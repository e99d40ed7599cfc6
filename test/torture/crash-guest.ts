/**
 * A guest whose back end is killed again and again. It keeps messages in flight, and compares every reply, in order, and
 * every delayed response with the expected one. All it may notice of a kill is a delay.
 */
import type { FrontEnd } from '../../src/front-end/front-end.js'
import { until } from '../../src/front-end/wait.js'
import { delayedResponseTo, NOTIFICATION, packHeader, typeOf } from '../../src/wire/header.js'
import { CAPACITY, Guest } from '../driver/guest.js'
import { InflightRegion } from '../driver/inflight.js'
import type { Random } from '../driver/random.js'
import { type Command, Commands } from './commands.js'

const SIZE = 64
const EVENT_BUFFERS = 16
const TOKENS = 1024
/** Most delayed responses awaited at once: fewer than the platform's max_pending_async. */
const WAITING_MAX = 8
/** A reply that takes longer counts as lost. */
const PATIENCE_MS = 30_000

interface Sent {
  head: number
  header: number
  command: Command
}

export class CrashGuest {
  readonly guest = new Guest({ size: SIZE, eventSize: EVENT_BUFFERS, form: 'mixed' })
  answered = 0
  delayed = 0
  readonly #random: Random
  readonly #commands: Commands
  readonly #tracked: boolean
  #region: InflightRegion | undefined
  /** In flight, oldest first. */
  readonly #sent: Sent[] = []
  /** Words of the expected delayed responses, by header. */
  readonly #waiting = new Map<number, number[]>()
  #token = 0
  #notifications = 0
  readonly #eventBuffers = new Map<number, number>()

  /** `tracked`: with an inflight region. */
  constructor(random: Random, tracked: boolean) {
    this.#random = random
    this.#commands = new Commands(random)
    this.#tracked = tracked
    for (let i = 0; i < EVENT_BUFFERS; i++) this.#postEventBuffer(this.guest.memory.allocate(CAPACITY))
    this.guest.driver.eventq.publish()
  }

  /** Starts the device or, after a kill, resumes at used.idx of each ring, as QEMU does. */
  async connect(frontEnd: FrontEnd): Promise<void> {
    const { guest } = this
    const { cmdq, eventq } = guest.driver
    guest.frontEnd = frontEnd
    if (this.#tracked) {
      this.#region ??= await InflightRegion.get(frontEnd, 2, SIZE)
      if ((await this.#region.set(frontEnd)) !== 0n) throw new Error('SET_INFLIGHT_FD was refused')
    }
    await guest.start(frontEnd, 0n, [cmdq.usedIdx, eventq.usedIdx])
  }

  get idle(): boolean {
    return this.#sent.length === 0 && this.#waiting.size === 0
  }

  /** Sends random commands, up to `depth` at once, until `over`. Throws on a wrong reply. */
  async traffic(depth: number, over: () => boolean): Promise<void> {
    while (!over()) {
      const before = this.answered
      this.#take()
      while (this.#sent.length < depth) this.#post(this.#commands.next(this.#waiting.size < WAITING_MAX))
      this.guest.driver.cmdq.publish()
      // No reply: leave the CPU to the back end.
      await new Promise(this.answered === before ? resolve => setTimeout(resolve, 0) : setImmediate)
    }
  }

  /** Waits for all outstanding replies and delayed responses. */
  async settle(): Promise<void> {
    await until(
      () => {
        this.#take()
        return this.idle
      },
      () => `${this.#sent.length} answers and ${this.#waiting.size} delayed responses`,
      PATIENCE_MS,
    )
  }

  /** Waits until nothing is in flight; then a change must be notified if, and only if, the guest is subscribed. */
  async checkSubscription(): Promise<void> {
    await this.settle()
    const before = this.#notifications
    this.#post(this.#commands.setRate(0, this.#commands.otherRate()))
    this.guest.driver.cmdq.publish()
    await this.settle()
    // The back end sends a notification before it handles later requests: after this reply it has arrived.
    await this.guest.frontEnd!.sync()
    this.#take()
    const [got, wanted] = [this.#notifications - before, this.#commands.subscribed ? 1 : 0]
    if (got !== wanted) throw new Error(`${got} notifications of a changed rate, not ${wanted}`)
  }

  close(): void {
    this.guest.close()
    this.#region?.close()
  }

  #post(command: Command): void {
    const { protocol, id, words } = command
    let header: number
    do header = packHeader(protocol, id, 0, this.#token++ % TOKENS)
    while (this.#waiting.has(delayedResponseTo(header)))
    const bytes = new Uint8Array(Uint32Array.of(header, ...words).buffer)
    const form = this.#random.once(4) ? 'mixed' : 'direct'
    const { head } = this.guest.driver.post(bytes, CAPACITY, { form })
    this.#sent.push({ head, header, command })
    if (command.delayed) this.#waiting.set(delayedResponseTo(header), command.delayed)
  }

  #take(): void {
    const { driver } = this.guest
    for (const used of driver.cmdq.takeAll()) {
      const sent = this.#sent.shift()
      if (used.head !== sent?.head) throw new Error(`head ${used.head} was used, not ${sent?.head}, the oldest`)
      const { reply } = driver.answer(used)
      const words = [...new Int32Array(reply.slice().buffer)]
      compare(`answer ${this.answered} to ${describe(sent.command)}`, words, [sent.header, ...sent.command.answer])
      this.answered++
    }
    for (const { head, length } of driver.eventq.takeAll()) this.#takeEvent(head, length)
  }

  #takeEvent(head: number, length: number): void {
    const { memory, driver } = this.guest
    const at = this.#eventBuffers.get(head)!
    this.#eventBuffers.delete(head)
    const [header, ...words] = new Int32Array(memory.read(at, length).slice().buffer)
    this.#postEventBuffer(at)
    driver.eventq.publish()
    if (typeOf(header!) === NOTIFICATION) {
      this.#notifications++
      return
    }
    const wanted = this.#waiting.get(header!)
    if (!wanted) throw new Error(`an unexpected delayed response: ${header!.toString(16)} ${words.join(' ')}`)
    this.#waiting.delete(header!)
    compare(`delayed response ${this.delayed}`, words, wanted)
    this.delayed++
  }

  #postEventBuffer(at: number): void {
    const writable = [{ at, length: CAPACITY }]
    this.#eventBuffers.set(this.guest.driver.eventq.post({ readable: [], writable }), at)
  }
}

function describe({ protocol, id, words }: Command): string {
  return `0x${protocol.toString(16)} 0x${id.toString(16)} (${words.join(', ')})`
}

function compare(what: string, got: readonly number[], wanted: readonly number[]): void {
  const text = (words: readonly number[]) => words.map(word => word | 0).join(' ')
  if (text(got) !== text(wanted)) throw new Error(`${what}: ${text(got)}, not ${text(wanted)}`)
}
