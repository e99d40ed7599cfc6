/**
 * Many messages through few prepared chains: descriptors and buffers are written once, then only indexes change. The loop
 * allocates nothing per message, so any growth of the heap is the device's. Each request carries its number. Each reply
 * must be the request's bytes in reverse, in order and of full length.
 */
import type { GuestMemory } from '../../src/front-end/memory.js'
import { Descriptor } from '../../src/front-end/protocol.js'
import type { Queue } from '../../src/front-end/queue.js'
import { LIMIT_MS } from '../../src/front-end/wait.js'

const BUFFER = 64

export class Traffic {
  readonly queue: Queue
  /** Chains that can be in flight. */
  readonly depth: number
  offered = 0
  completed = 0
  /** Turns of the event loop spent waiting. */
  turns = 0
  private readonly length: number
  private readonly stride: number
  private readonly requests: DataView
  private readonly replies: DataView
  private done: (() => void) | undefined
  private failed: ((error: Error) => void) | undefined
  private target = 0
  private deadline = 0
  private readonly limitMs: number
  private readonly step = () => this.turn()

  /** Uses all of the queue, which must be fresh: two direct descriptors per message, or one and a table. */
  constructor(queue: Queue, memory: GuestMemory, { indirect = false, length = 12, limitMs = LIMIT_MS } = {}) {
    this.queue = queue
    this.limitMs = limitMs
    this.length = length
    this.stride = indirect ? 1 : 2
    this.depth = queue.size / this.stride
    const requests = memory.allocate(this.depth * BUFFER)
    const replies = memory.allocate(this.depth * BUFFER)
    this.requests = memory.view(requests, this.depth * BUFFER)
    this.replies = memory.view(replies, this.depth * BUFFER)
    for (let i = 0; i < this.depth; i++) {
      const readable = [{ at: requests + i * BUFFER, length }]
      const writable = [{ at: replies + i * BUFFER, length }]
      if (indirect) {
        queue.post({ readable, writable, form: 'indirect' })
      } else {
        queue.descriptor(2 * i, readable[0]!.at, length, Descriptor.NEXT, 2 * i + 1)
        queue.descriptor(2 * i + 1, writable[0]!.at, length, Descriptor.WRITE)
      }
    }
    for (let i = 0; i < queue.size; i++) queue.available[2 + i] = this.stride * (i % this.depth)
    queue.nextAvailable = queue.nextUsed
  }

  /** Sends messages until `total` in all have been answered. */
  run(total: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.done = resolve
      this.failed = reject
      this.target = total
      this.deadline = performance.now() + this.limitMs
      this.turn()
    })
  }

  /** Offers as many messages as there is room for, up to `total` in all. Returns whether there were any. */
  offerUpTo(total: number): boolean {
    const before = this.offered
    while (this.offered < total && this.offered - this.completed < this.depth) {
      this.requests.setUint32((this.offered % this.depth) * BUFFER, this.offered, true)
      this.offered++
      this.queue.nextAvailable = (this.queue.nextAvailable + 1) & 0xffff
    }
    return this.offered !== before
  }

  /** Takes and checks what has been used. */
  take(): void {
    const { queue } = this
    const idx = queue.usedIdx
    while (queue.nextUsed !== idx) {
      const slot = this.completed % this.depth
      const entry = 1 + 2 * (queue.nextUsed % queue.size)
      const head = queue.usedEntries[entry]!
      const length = queue.usedEntries[entry + 1]!
      const number = this.replies.getUint32(slot * BUFFER + this.length - 4, false)
      if (head !== slot * this.stride || length !== this.length || number !== this.completed >>> 0) {
        throw new Error(`message ${this.completed}: head ${head}, length ${length}, answer to ${number}`)
      }
      this.replies.setUint32(slot * BUFFER + this.length - 4, 0xffff_ffff)
      queue.nextUsed = (queue.nextUsed + 1) & 0xffff
      this.completed++
    }
  }

  private turn(): void {
    try {
      this.queue.drainSignals()
      for (;;) {
        this.take()
        if (this.completed >= this.target) {
          this.done!()
          return
        }
        if (this.offerUpTo(this.target)) this.queue.publish()
        this.queue.enableSignals()
        if (this.queue.usedIdx === this.queue.nextUsed) break
      }
      this.wait()
    } catch (error) {
      this.failed!(error as Error)
    }
  }

  /** Waits for the device's signal; a lost signal is a failure, even if the reply is there. */
  private readonly wait = (): void => {
    if (this.queue.drainSignals() > 0) this.step()
    else if (performance.now() < this.deadline) this.waitOn()
    else this.failed!(new Error(`${this.completed} of ${this.target} answered, used.idx ${this.queue.usedIdx}`))
  }

  private waitOn(): void {
    this.turns++
    setImmediate(this.wait)
  }
}
