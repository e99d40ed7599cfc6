/**
 * A vhost-user front end that can send anything, right or wrong, and checks every byte of a reply. Knows frames and
 * requests; qemu.ts and the tests decide which requests it sends, and in which order.
 */
import { closeSync } from 'node:fs'
import { calls } from './calls.js'
import {
  EMPTY,
  FLAG_NEED_REPLY,
  HEADER_SIZE,
  header,
  join,
  memoryTable,
  REPLY_FLAGS,
  Request,
  requestName,
  singleRegion,
  u64s,
  VERSION,
  VRING_NO_FD,
  vringAddress,
  vringState,
  type WireRegion,
} from './protocol.js'
import { LIMIT_MS, until } from './wait.js'

export interface SendOptions {
  needReply?: boolean
  fds?: readonly number[]
  /** All header flags; overrides `needReply`. */
  flags?: number
  /** The size the header claims; default: the payload's. */
  size?: number
}

export interface Reply {
  request: number
  flags: number
  payload: Uint8Array
  fds: number[]
}

/** Receive buffer. All front ends share it, because bytes are copied out of it at once. */
const chunk = new Uint8Array(65536)

export class FrontEnd {
  readonly socket: number
  /** Whether the back end acknowledges requests (REPLY_ACK). */
  acknowledges = true
  /** How long a reply may take. */
  limitMs = LIMIT_MS
  private pending = EMPTY
  private pendingFds: number[] = []
  private atEnd = false
  private open = true

  constructor(socket: number) {
    this.socket = socket
  }

  static connect(path: string): FrontEnd {
    return new FrontEnd(calls().connect(path))
  }

  /** Closes the connection, even with requests pending. */
  close(): void {
    if (!this.open) return
    this.open = false
    for (const fd of this.pendingFds.splice(0)) closeSync(fd)
    closeSync(this.socket)
  }

  // Frames.

  /** Sends bytes as they are. Throws if they don't all go. */
  raw(bytes: Uint8Array, fds: readonly number[] = []): void {
    const sent = calls().send(this.socket, bytes, fds)
    if (sent !== bytes.length) throw new Error(`sent ${sent} of ${bytes.length} bytes`)
  }

  send(request: number, payload = EMPTY, options: SendOptions = {}): void {
    const flags = options.flags ?? VERSION | (options.needReply ? FLAG_NEED_REPLY : 0)
    this.raw(join(header(request, flags, options.size ?? payload.length), payload), options.fds)
  }

  /** The next frame from the back end, 'closed' if there will be none, undefined if there is none yet. */
  poll(): Reply | 'closed' | undefined {
    if (this.frameLength() > this.pending.length) this.pull()
    const length = this.frameLength()
    if (length > this.pending.length) return this.atEnd ? 'closed' : undefined
    const view = new DataView(this.pending.buffer, this.pending.byteOffset)
    const payload = this.pending.slice(HEADER_SIZE, length)
    const reply = { request: view.getUint32(0, true), flags: view.getUint32(4, true), payload, fds: this.pendingFds }
    this.pending = this.pending.slice(length)
    this.pendingFds = []
    return reply
  }

  /** Waits for the next frame, or the end. */
  async frame(what = 'a reply'): Promise<Reply | 'closed'> {
    let frame: Reply | 'closed' | undefined
    await until(
      () => {
        frame = this.poll()
        return frame !== undefined
      },
      what,
      this.limitMs,
    )
    return frame!
  }

  /** Waits for the reply to `request`, and checks its header as strictly as QEMU does. */
  async reply(request: number, size: number, fds = 0): Promise<Reply> {
    const name = requestName(request)
    const reply = await this.frame(`the reply to ${name}`)
    if (reply === 'closed') throw new Error(`${name}: the connection was closed`)
    const got = `request ${reply.request}, flags 0x${reply.flags.toString(16)}, ${reply.payload.length} bytes, ${reply.fds.length} fds`
    const want = `request ${request}, flags 0x${REPLY_FLAGS.toString(16)}, ${size} bytes, ${fds} fds`
    if (got !== want) throw new Error(`${name}: expected ${want}, got ${got}`)
    return reply
  }

  /** Sends a request that has a reply of its own and returns the reply's payload. */
  async ask(request: number, replySize: number, payload = EMPTY, options: SendOptions = {}): Promise<DataView> {
    this.send(request, payload, options)
    const { payload: bytes } = await this.reply(request, replySize)
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /**
   * Sends a request with need_reply and returns the acknowledgement: 0n means success. A back end without REPLY_ACK can't
   * refuse: once it replies to a second request, it has handled the first.
   */
  async acknowledge(request: number, payload = EMPTY, fds: readonly number[] = []): Promise<bigint> {
    if (!this.acknowledges) {
      this.send(request, payload, { fds })
      await this.sync()
      return 0n
    }
    return (await this.ask(request, 8, payload, { needReply: true, fds })).getBigUint64(0, true)
  }

  /** Resolves when the back end has closed the connection, without sending anything before. */
  async ended(): Promise<void> {
    const frame = await this.frame('the end of the connection')
    if (frame !== 'closed')
      throw new Error(`expected the connection to end, got a reply to ${requestName(frame.request)}`)
  }

  /** The back end's answer to a request that was sent: its payload, or 'closed'. */
  async outcome(): Promise<Reply | 'closed'> {
    const frame = await this.frame('a reply or the end of the connection')
    if (frame !== 'closed' && frame.flags !== REPLY_FLAGS)
      throw new Error(`reply with flags 0x${frame.flags.toString(16)}`)
    return frame
  }

  // Correct requests.

  async features(): Promise<bigint> {
    return (await this.ask(Request.GET_FEATURES, 8)).getBigUint64(0, true)
  }

  async protocolFeatures(): Promise<bigint> {
    return (await this.ask(Request.GET_PROTOCOL_FEATURES, 8)).getBigUint64(0, true)
  }

  setFeatures(bits: bigint): void {
    this.send(Request.SET_FEATURES, u64s(bits))
  }

  setProtocolFeatures(bits: bigint): void {
    this.send(Request.SET_PROTOCOL_FEATURES, u64s(bits))
  }

  setMemoryTable(regions: readonly WireRegion[], fds: readonly number[]): Promise<bigint> {
    return this.acknowledge(Request.SET_MEM_TABLE, memoryTable(regions), fds)
  }

  addRegion(one: WireRegion, fd: number): Promise<bigint> {
    return this.acknowledge(Request.ADD_MEM_REG, singleRegion(one), [fd])
  }

  removeRegion(one: WireRegion): Promise<bigint> {
    return this.acknowledge(Request.REM_MEM_REG, singleRegion(one))
  }

  setNum(index: number, num: number): void {
    this.send(Request.SET_VRING_NUM, vringState(index, num))
  }

  setBase(index: number, base: number): void {
    this.send(Request.SET_VRING_BASE, vringState(index, base))
  }

  setAddress(index: number, addresses: Parameters<typeof vringAddress>[1]): void {
    this.send(Request.SET_VRING_ADDR, vringAddress(index, addresses))
  }

  /** The next index the device would have fetched. */
  async getBase(index: number): Promise<number> {
    const state = await this.ask(Request.GET_VRING_BASE, 8, vringState(index, 0))
    if (state.getUint32(0, true) !== index) throw new Error(`GET_VRING_BASE ${index} answered for another ring`)
    return state.getUint32(4, true)
  }

  setKick(index: number, fd: number | undefined): void {
    this.vringFd(Request.SET_VRING_KICK, index, fd)
  }

  setCall(index: number, fd: number | undefined): void {
    this.vringFd(Request.SET_VRING_CALL, index, fd)
  }

  setError(index: number, fd: number | undefined): void {
    this.vringFd(Request.SET_VRING_ERR, index, fd)
  }

  enable(index: number, on: boolean): Promise<bigint> {
    return this.acknowledge(Request.SET_VRING_ENABLE, vringState(index, on ? 1 : 0))
  }

  /** A round trip: afterwards the back end has handled everything sent before. */
  async sync(): Promise<void> {
    await this.features()
  }

  private vringFd(request: number, index: number, fd: number | undefined): void {
    if (fd === undefined) this.send(request, u64s(index | VRING_NO_FD))
    else this.send(request, u64s(index), { fds: [fd] })
  }

  /** Reads what has arrived. */
  private pull(): void {
    if (this.atEnd) return
    let got: number
    try {
      got = calls().receive(this.socket, chunk, this.pendingFds)
    } catch (error) {
      // A peer that closes with unread data resets the connection, which ends it as well.
      if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error
      got = 0
    }
    if (got === 0) this.atEnd = true
    if (got > 0) this.pending = join(this.pending, chunk.subarray(0, got))
  }

  private frameLength(): number {
    if (this.pending.length < HEADER_SIZE) return HEADER_SIZE
    return HEADER_SIZE + new DataView(this.pending.buffer, this.pending.byteOffset).getUint32(8, true)
  }
}
