/**
 * A guest whose back end dies again and again: keeps messages in flight, and compares every answer, in order, and every
 * delayed response, with what it must be. What it sees is a delay, or a test that fails.
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
/** Delayed responses that the guest waits for at once, at most: fewer than the platform allows. */
const WAITING_MAX = 8
/** What a driver would call lost. */
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
  /** Words of the delayed responses that are to come, by header. */
  readonly #waiting = new Map<number, number[]>()
  #token = 0
  #notifications = 0
  readonly #eventBuffers = new Map<number, number>()

  /** `tracked`: with a region for messages in flight. */
  constructor(random: Random, tracked: boolean) {
    this.#random = random
    this.#commands = new Commands(random)
    this.#tracked = tracked
    for (let i = 0; i < EVENT_BUFFERS; i++) this.#postEventBuffer(this.guest.memory.allocate(CAPACITY))
    this.guest.driver.eventq.publish()
  }

  /** Starts the device, or goes on with it: as QEMU does, where the used rings end. */
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

  /** Sends random commands, up to `depth` at once, until `over`. Throws for an answer that is wrong. */
  async traffic(depth: number, over: () => boolean): Promise<void> {
    while (!over()) {
      const before = this.answered
      this.#take()
      while (this.#sent.length < depth) this.#post(this.#commands.next(this.#waiting.size < WAITING_MAX))
      this.guest.driver.cmdq.publish()
      // Nothing to do: the back end may want the CPU.
      await new Promise(this.answered === before ? resolve => setTimeout(resolve, 0) : setImmediate)
    }
  }

  /** Waits for everything that is to come. */
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

  /** While nothing else is under way: a change is notified if, and only if, the guest has subscribed to it. */
  async checkSubscription(): Promise<void> {
    await this.settle()
    const before = this.#notifications
    this.#post(this.#commands.setRate(0, this.#commands.otherRate()))
    this.guest.driver.cmdq.publish()
    await this.settle()
    // What is sent after a notification, and answered, has been preceded by it.
    await this.guest.frontEnd!.sync()
    this.#take()
    const [got, wanted] = [this.#notifications - before, this.#commands.subscribed ? 1 : 0]
    if (got !== wanted) throw new Error(`${got} notifications of a rate that changed, not ${wanted}`)
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
    if (!wanted) throw new Error(`a delayed response that nobody waits for: ${header!.toString(16)} ${words.join(' ')}`)
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
