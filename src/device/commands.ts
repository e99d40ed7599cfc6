/** The innermost link: carries out the commands of a batch, with readers and writers on the guest's own memory. */
import type { Agent } from '../protocols/declaration/agent.js'
import { PluginBug } from '../support/errors.js'
import type { LimitedLog } from '../support/limited-log.js'
import { MessageWriter, RequestReader } from '../wire/message.js'
import { GENERIC_ERROR } from '../wire/status.js'
import type { Answering } from './answering.js'
import { dispatch } from './dispatch.js'
import {
  ENTRY_REPLY_CAPACITY,
  ENTRY_REPLY_OFFSET,
  ENTRY_REPLY_WINDOW,
  ENTRY_REQUEST_LENGTH,
  ENTRY_REQUEST_OFFSET,
  ENTRY_REQUEST_WINDOW,
  ENTRY_WORDS,
  ENTRY_WRITTEN,
  INDEX_MASK,
  SCRATCH_WINDOW,
} from './native.js'

export class Commands implements Answering {
  /** Memory that entries lie in, by number. */
  windows: readonly DataView[]
  /** Handlers that threw: bugs of ours. */
  internalErrors = 0
  readonly #batch: Uint32Array
  readonly #agent: Agent
  readonly #log: LimitedLog
  readonly #request: RequestReader
  readonly #reply: MessageWriter

  constructor(batch: Uint32Array, windows: readonly DataView[], agent: Agent, log: LimitedLog) {
    this.#batch = batch
    this.windows = windows
    this.#agent = agent
    this.#log = log
    this.#request = new RequestReader(windows[SCRATCH_WINDOW]!)
    this.#reply = new MessageWriter(windows[SCRATCH_WINDOW]!)
  }

  /** Header of the command that was carried out last. */
  get header(): number {
    return this.#request.header
  }

  /**
   * The hottest loop there is: what it needs is looked up once, because after every handler the compiler would have to
   * look again.
   */
  answer(first: number, end: number): void {
    const agent = this.#agent
    const batch = this.#batch
    const windows = this.windows
    const request = this.#request
    const reply = this.#reply
    let requestWindow = SCRATCH_WINDOW
    let replyWindow = SCRATCH_WINDOW
    request.view = reply.view = windows[SCRATCH_WINDOW]!
    // What is masked is known to be small: additions to `entry` then need no check.
    const limit = end & INDEX_MASK
    for (let entry = first & INDEX_MASK; entry < limit; entry += ENTRY_WORDS) {
      // Mostly in the same window as the message before.
      if (batch[entry + ENTRY_REQUEST_WINDOW] !== requestWindow) {
        requestWindow = batch[entry + ENTRY_REQUEST_WINDOW]!
        request.view = windows[requestWindow]!
      }
      if (batch[entry + ENTRY_REPLY_WINDOW] !== replyWindow) {
        replyWindow = batch[entry + ENTRY_REPLY_WINDOW]!
        reply.view = windows[replyWindow]!
      }
      const length = batch[entry + ENTRY_REQUEST_LENGTH]!
      const capacity = batch[entry + ENTRY_REPLY_CAPACITY]!
      request.open(batch[entry + ENTRY_REQUEST_OFFSET]!, length)
      reply.open(batch[entry + ENTRY_REPLY_OFFSET]!, capacity)
      try {
        batch[entry + ENTRY_WRITTEN] = dispatch(agent, request, length, reply, capacity)
      } catch (error) {
        batch[entry + ENTRY_WRITTEN] = this.#handlerFailed(error)
      }
    }
  }

  /** A bug of ours must not take the guest down: it gets GENERIC_ERROR, the first one is logged with its stack. */
  #handlerFailed(error: unknown): number {
    this.internalErrors++
    const header = this.#request.header
    if (error instanceof PluginBug) {
      if (error.isNews) this.#log.error(error.message)
    } else if (this.internalErrors === 1) {
      this.#log.bug(error, `handler of message 0x${header.toString(16)} failed (a bug)`)
    }
    this.#reply.begin(header, GENERIC_ERROR)
    return this.#reply.written
  }
}
