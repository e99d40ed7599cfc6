/**
 * The addon's typed surface, and the only one to load it.
 *
 * Native code owns the vhost-user session, the rings, memory mappings, barriers and address checks; TypeScript owns the
 * meaning of the bytes. They meet in one shared array per device, crossed once per batch:
 *
 *   kick → native takes up to BATCH_MAX chains → onBatch(count) → native publishes every reply, signals once
 *
 * Guest memory is lent as DataViews ("windows") over the mapping itself. A window lives until the next MEMORY event:
 * native detaches it before it unmaps, so a stale view throws and never reads unmapped memory.
 */
import { loadAddon } from '../support/addon.js'
import { HEADER_COUNT } from './batch.js'
import { checkOptions } from './native-options.js'

/** Queue numbers of a virtio SCMI device (virtio 1.3 §5.17.2). */
export const CMDQ = 0
export const EVENTQ = 1

/** Feature bits the device may offer (virtio 1.3 §5.17.3, §6). */
export const VIRTIO_SCMI_F_P2A_CHANNELS = 0

/** MESSAGE_MAX: bytes of one message that scratch memory holds, for chains that do not lie in one piece of one window. */
export { MESSAGE_MAX } from '../wire/header.js'
export * from './batch.js'

/** What `onEvent` reports; `queue`, `value` and `text` carry what the comment says, else -1, 0 and ''. */
export const NativeEvent = {
  /** A front end is connected. */
  CONNECTED: 0,
  /** It is gone; `text` is the reason. All windows are detached, all rings stopped. */
  DISCONNECTED: 1,
  /** The memory table changed: call `windows()` again. */
  MEMORY: 2,
  /**
   * Ring `queue` started: it is set up and enabled. `value` 1 if it is fresh: base 0 and used.idx 0, so a new driver, not
   * a resumed one. A ring that goes on over new memory says nothing: MEMORY does.
   */
  QUEUE_STARTED: 3,
  /** Ring `queue` was stopped or disabled by the front end. */
  QUEUE_STOPPED: 4,
  /**
   * The device stopped ring `queue` because the guest broke a rule; `text` says which, with indexes and addresses. `value` 1:
   * `breakRing` stopped it.
   */
  QUEUE_FAULT: 5,
  /** A request of the front end was refused, or a descriptor it sent is unusable; `text` says which and why. */
  REFUSED: 6,
  /** The driver made event buffers available on ring `queue`. */
  EVENT_BUFFERS: 7,
  /** The guest wrote to memory that `watchMemory` watches. */
  MEMORY_WRITTEN: 8,
} as const
export type NativeEvent = (typeof NativeEvent)[keyof typeof NativeEvent]

export interface NativeOptions {
  /** VIRTIO_SCMI_F_P2A_CHANNELS is offered (default true). */
  events?: boolean
  /** Bit numbers taken out of the offer, e.g. 28 (INDIRECT_DESC) or 29 (EVENT_IDX). */
  withoutFeatures?: number[]
  /** Offer VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS. Off by default: QEMU then sends no memory after a reconnect. */
  memSlots?: boolean
  /**
   * Microseconds to watch the ring after work before sleeping, at most 1,000,000; 0 sleeps at once. 'auto' (default): 50, with
   * a pause after each watch that found nothing.
   */
  pollUs?: number | 'auto'
  /**
   * Answer entries 0..count-1 of `batch`: read each request, write each reply, set ENTRY_WRITTEN, which is 0 before. Must
   * not throw (the batch is published all the same, then the error is uncaught), and must not call back into this device
   * except `peekEvent` and `commitEvent`. Chains with a readable part behind a writable one never come here: they are
   * given back with used.len 0.
   */
  onBatch: (count: number) => void
  onEvent: (event: NativeEvent, queue: number, value: number, text: string) => void
}

/** p50, p99, p99.9 and the maximum in nanoseconds; at most 2 % too high. */
export interface LatenciesNs {
  p50: number
  p99: number
  p999: number
  max: number
}

/**
 * One virtio SCMI device: one socket, at most one front end at a time, one command queue, one event queue.
 *
 * `listen`, `adopt` and `dial` throw while the device listens or has a front end. After `close`, every method throws but
 * `latencies` and `close` itself. `onEvent` and `onBatch` are called from the event loop, never from within a method.
 */
export interface NativeDevice {
  readonly batch: Uint32Array
  readonly times: Float64Array
  /** Window 0 is scratch memory, the others the guest's memory, at most 1 GiB each. */
  windows(): DataView[]
  /**
   * Binds and listens on a Unix socket whose file gets the permissions `mode`, default 0600. Throws an Error with `code`
   * (EADDRINUSE, EACCES …) and a readable message.
   */
  listen(path: string, mode?: number): void
  /** Takes an inherited Unix socket, listening or connected (found out by SO_ACCEPTCONN). Throws if it is neither. */
  adopt(fd: number): void
  /** Connects to a listening front end; false if nobody listens there (ENOENT, ECONNREFUSED). Throws on other errors. */
  dial(path: string): boolean
  /**
   * Looks at the next event buffer without taking it, and fills EVENT_ENTRY's reply words. Returns its capacity in bytes,
   * or -1: no buffer is available or the event queue is not running.
   */
  peekEvent(): number
  /** Returns the peeked buffer with `written` bytes to the driver and signals as the ring's rules ask. */
  commitEvent(written: number): void
  /**
   * Publishes the reply of a message that onBatch answered with WRITTEN_LATER: as many of the bytes as there is room for,
   * and their number as used.len, or `usedLength` if that is given. False if there is no such message any more: it is
   * answered, or the ring was stopped, reset or moved to other memory since. A held message stays in flight for the front
   * end's inflight region, so that it comes again after a reconnect.
   */
  completeHeld(ticket: number, reply: Uint8Array, usedLength?: number): boolean
  /**
   * Stops ring `queue` as if the guest had broken a rule (QUEUE_FAULT, the ring's error descriptor), like a failing device.
   * Nothing happens if it does not run. It runs again after the front end has reset it.
   */
  breakRing(queue: number): void
  /**
   * Where guest-physical [address, address + length) lies: an offset in a window of `windows()`, until the next MEMORY event.
   * 'not memory': some byte of it is not guest memory now; 'split': it lies in two regions, or across 1 GiB of one;
   * 'unaligned': the region begins where 64-bit words could not be read whole, here or in the guest.
   */
  locate(address: number, length: number): { window: number; offset: number } | 'not memory' | 'split' | 'unaligned'
  /**
   * Looks every `ms` at guest memory, and reports MEMORY_WRITTEN when one of `flags` bytes at the guest-physical `address` is
   * not 0, and at the look after one of the `words` bytes behind them changed, and at the next. 0 ms: no longer. Lengths are
   * multiples of 8. While the range is not in one piece nothing is reported.
   */
  watchMemory(ms: number, address: number, flags: number, words: number): void
  /** The feature bits of the last SET_FEATURES, as a number (all bits are below 2^53). */
  features(): number
  /** How long messages have taken so far, from the ring to the published reply; all 0 if there were none. */
  latencies(): LatenciesNs
  /**
   * Frees rings, handles, mappings and sockets without an event; the object can't be used again. Never unlinks the socket file.
   * Must be called: while it listens or has a front end, a device keeps the process alive, and itself in memory.
   */
  close(): void
}

/** The addon's own device: enters JavaScript once for all the batches of a visit. */
interface AddonDevice extends NativeDevice {
  /** Within `onBatches`: publishes the batch, watches the ring, takes the next batch and sets HEADER_COUNT. */
  readonly nextBatch: () => void
}

/** Checked by checkOptions; undefined stands for the default. */
interface AddonOptions {
  events: boolean | undefined
  withoutFeatures: readonly number[] | undefined
  memSlots: boolean | undefined
  /** 'auto' is the default. */
  pollUs: number | undefined
  onBatches: () => void
  onEvent: NativeOptions['onEvent']
}

interface Addon {
  /** The compiler that built it, as "gcc 12.2.0". */
  compiler: string
  Device: new (options: AddonOptions) => AddonDevice
  /** flock(2), exclusive, without waiting. */
  lockFile(fd: number): boolean
  mapFile(fd: number, bytes: number): { buffer: ArrayBuffer; unmap: (buffer: ArrayBuffer) => void }
  stallWatch: {
    start(limitMs: number): void
    beat(): void
    numberOf(name: string): number
    enter(number: number): number
  }
}

let loaded: Addon | undefined
/** Loaded when first needed: --help and errors work without it. */
function addon(): Addon {
  loaded ??= loadAddon<Addon>('#native')
  return loaded
}

/** See native/stall_watch.h. */
export function stallWatch(): Addon['stallWatch'] {
  return addon().stallWatch
}

/**
 * Creates a device that nobody can reach yet: call `listen`, `adopt` or `dial` next. Throws a TypeError that names the option
 * if one is wrong.
 */
export function createDevice(options: NativeOptions): NativeDevice {
  checkOptions(options)
  const { onBatch, onEvent, events, withoutFeatures, memSlots } = options
  const pollUs = options.pollUs === 'auto' ? undefined : options.pollUs
  const device = new (addon().Device)({ events, withoutFeatures, memSlots, pollUs, onBatches, onEvent })
  const { batch, nextBatch } = device
  // Hot code. The loop is here because a call into JavaScript takes ten times as long as one out of it.
  function onBatches(): void {
    do {
      onBatch(batch[HEADER_COUNT]!)
      nextBatch()
    } while (batch[HEADER_COUNT] !== 0)
  }
  return device
}

/**
 * Locks a file that is open here, for as long as it stays open; false if another open file of it is locked, here or in
 * another process. Throws an Error with `code` if its file system has no locks.
 */
export function lockFile(fd: number): boolean {
  return addon().lockFile(fd)
}

export interface MappedFile {
  /** What is written here is in the file at once, and survives the process. If the file shrank, what is beyond its end is lost. */
  readonly bytes: Uint8Array
  /** The file can't be unlocked before. `bytes` are empty then. */
  unmap(): void
}

/** Maps a file that is open here; makes it as long as that. Throws an Error with `code`; ENOSPC: the disk is full. */
export function mapFile(fd: number, length: number): MappedFile {
  const { buffer, unmap } = addon().mapFile(fd, length)
  return { bytes: new Uint8Array(buffer), unmap: () => unmap(buffer) }
}

/** The compiler that built the addon. */
export const addonCompiler = (): string => addon().compiler
