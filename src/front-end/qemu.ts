/**
 * Sends requests in the order in which QEMU was seen to send them to a virtio SCMI device: first connection, DRIVER_OK,
 * stop. A reconnect while the device runs repeats the DRIVER_OK order, so its first message is SET_VRING_CALL.
 */
import type { FrontEnd } from './front-end.js'
import type { GuestMemory } from './memory.js'
import { ProtocolFeature, Request, Status, u64s, vringState } from './protocol.js'
import type { Queue } from './queue.js'

/** QEMU acknowledges every offered protocol feature that it knows: bits 0 to 19. */
const KNOWN_PROTOCOL_FEATURES = 0xfffffn

export interface Offer {
  features: bigint
  protocolFeatures: bigint
}

/** Sends what QEMU sends when the device is created. */
export async function firstConnection(frontEnd: FrontEnd, queues: readonly Queue[]): Promise<Offer> {
  await frontEnd.features()
  const protocolFeatures = (await frontEnd.protocolFeatures()) & KNOWN_PROTOCOL_FEATURES
  frontEnd.setProtocolFeatures(protocolFeatures)
  frontEnd.acknowledges = (protocolFeatures & ProtocolFeature.REPLY_ACK) !== 0n
  if (protocolFeatures & ProtocolFeature.MQ) await frontEnd.ask(Request.GET_QUEUE_NUM, 8)
  if (protocolFeatures & ProtocolFeature.CONFIGURE_MEM_SLOTS) await frontEnd.ask(Request.GET_MAX_MEM_SLOTS, 8)
  frontEnd.send(Request.SET_OWNER)
  const features = await frontEnd.features()
  for (const queue of queues) {
    frontEnd.setCall(queue.index, queue.masked)
    frontEnd.setError(queue.index, queue.error)
  }
  return { features, protocolFeatures }
}

export interface StartOptions {
  features: bigint
  /** Protocol features acknowledged on the first connection, which may have been to another process. */
  protocolFeatures?: bigint
  memory: GuestMemory
  /** Rings the guest set up. */
  queues: readonly Queue[]
  /** Next index to fetch, per ring; default 0. */
  bases?: readonly number[]
}

/** Sends what QEMU sends when the guest sets DRIVER_OK, when the machine continues, and when QEMU reconnects. */
export async function driverOk(frontEnd: FrontEnd, options: StartOptions): Promise<void> {
  const { features, protocolFeatures = 0n, memory, queues, bases } = options
  for (const queue of queues) frontEnd.setCall(queue.index, queue.masked)
  frontEnd.setFeatures(features)
  if (protocolFeatures & ProtocolFeature.STATUS) {
    const status = (await frontEnd.ask(Request.GET_STATUS, 8)).getBigUint64(0, true)
    if (!(status & BigInt(Status.FEATURES_OK))) frontEnd.send(Request.SET_STATUS, u64s(Status.FEATURES_OK))
  }
  await shareMemory(frontEnd, memory, protocolFeatures)
  for (const [i, queue] of queues.entries()) {
    frontEnd.setNum(queue.index, queue.size)
    frontEnd.setBase(queue.index, bases?.[i] ?? 0)
    setAddress(frontEnd, memory, queue)
    frontEnd.setKick(queue.index, queue.kick)
  }
  // Both rings are enabled, set up or not.
  for (const index of [0, 1]) expectDone(await frontEnd.enable(index, true), `SET_VRING_ENABLE ${index} 1`)
  for (const queue of queues) frontEnd.setCall(queue.index, queue.call)
  await frontEnd.sync()
}

export async function shareMemory(frontEnd: FrontEnd, memory: GuestMemory, protocolFeatures = 0n): Promise<void> {
  if (protocolFeatures & ProtocolFeature.CONFIGURE_MEM_SLOTS) {
    for (const r of memory.regions) expectDone(await frontEnd.addRegion(r, r.fd), 'ADD_MEM_REG')
  } else {
    expectDone(await frontEnd.setMemoryTable(memory.regions, memory.fds), 'SET_MEM_TABLE')
  }
}

export function setAddress(frontEnd: FrontEnd, memory: GuestMemory, queue: Queue): void {
  frontEnd.setAddress(queue.index, {
    descriptors: memory.toUser(queue.at.descriptors),
    available: memory.toUser(queue.at.available),
    used: memory.toUser(queue.at.used),
  })
}

/** Sets up and starts one ring while the other may be running. */
export async function startRing(frontEnd: FrontEnd, memory: GuestMemory, queue: Queue, base = 0): Promise<void> {
  frontEnd.setNum(queue.index, queue.size)
  frontEnd.setBase(queue.index, base)
  setAddress(frontEnd, memory, queue)
  frontEnd.setCall(queue.index, queue.call)
  frontEnd.setError(queue.index, queue.error)
  frontEnd.setKick(queue.index, queue.kick)
  expectDone(await frontEnd.enable(queue.index, true), `SET_VRING_ENABLE ${queue.index} 1`)
}

/** Sends what QEMU sends when the guest resets the device or the machine stops. Returns each ring's next index. */
export async function stop(frontEnd: FrontEnd, queues: readonly Queue[]): Promise<number[]> {
  frontEnd.send(Request.SET_VRING_ENABLE, vringState(0, 0))
  expectDone(await frontEnd.enable(1, false), 'SET_VRING_ENABLE 1 0')
  const bases: number[] = []
  for (const queue of queues) bases.push(await frontEnd.getBase(queue.index))
  for (const queue of queues) frontEnd.setCall(queue.index, queue.masked)
  await frontEnd.sync()
  return bases
}

export function expectDone(acknowledgement: bigint, what: string): void {
  if (acknowledgement !== 0n) throw new Error(`${what} was refused: ${acknowledgement}`)
}
