/** Numbers of vhost-user (docs/interop/vhost-user) and virtio 1.3 that the mock needs, and builders of payloads. */

export const Request = {
  GET_FEATURES: 1,
  SET_FEATURES: 2,
  SET_OWNER: 3,
  RESET_OWNER: 4,
  SET_MEM_TABLE: 5,
  SET_LOG_BASE: 6,
  SET_LOG_FD: 7,
  SET_VRING_NUM: 8,
  SET_VRING_ADDR: 9,
  SET_VRING_BASE: 10,
  GET_VRING_BASE: 11,
  SET_VRING_KICK: 12,
  SET_VRING_CALL: 13,
  SET_VRING_ERR: 14,
  GET_PROTOCOL_FEATURES: 15,
  SET_PROTOCOL_FEATURES: 16,
  GET_QUEUE_NUM: 17,
  SET_VRING_ENABLE: 18,
  SEND_RARP: 19,
  NET_SET_MTU: 20,
  SET_BACKEND_REQ_FD: 21,
  IOTLB_MSG: 22,
  SET_VRING_ENDIAN: 23,
  GET_CONFIG: 24,
  SET_CONFIG: 25,
  CREATE_CRYPTO_SESSION: 26,
  CLOSE_CRYPTO_SESSION: 27,
  POSTCOPY_ADVISE: 28,
  POSTCOPY_LISTEN: 29,
  POSTCOPY_END: 30,
  GET_INFLIGHT_FD: 31,
  SET_INFLIGHT_FD: 32,
  GPU_SET_SOCKET: 33,
  RESET_DEVICE: 34,
  VRING_KICK: 35,
  GET_MAX_MEM_SLOTS: 36,
  ADD_MEM_REG: 37,
  REM_MEM_REG: 38,
  SET_STATUS: 39,
  GET_STATUS: 40,
  GET_SHARED_OBJECT: 41,
  SET_DEVICE_STATE_FD: 42,
  CHECK_DEVICE_STATE: 43,
  GET_SHMEM_CONFIG: 44,
} as const
export type Request = (typeof Request)[keyof typeof Request]

export const requestName = (id: number): string =>
  Object.entries(Request).find(([, value]) => value === id)?.[0] ?? `request ${id}`

/** Header: request, flags, payload size, each 32 bits. */
export const HEADER_SIZE = 12
export const VERSION = 1
export const FLAG_REPLY = 4
export const FLAG_NEED_REPLY = 8
/** The only flags QEMU accepts in a reply. */
export const REPLY_FLAGS = VERSION | FLAG_REPLY

export const Feature = {
  P2A_CHANNELS: 1n << 0n,
  SHARED_MEMORY: 1n << 1n,
  LOG_ALL: 1n << 26n,
  INDIRECT_DESC: 1n << 28n,
  EVENT_IDX: 1n << 29n,
  PROTOCOL_FEATURES: 1n << 30n,
  VERSION_1: 1n << 32n,
  ACCESS_PLATFORM: 1n << 33n,
  RING_PACKED: 1n << 34n,
  IN_ORDER: 1n << 35n,
  NOTIFICATION_DATA: 1n << 38n,
  RING_RESET: 1n << 40n,
} as const

export const ProtocolFeature = {
  MQ: 1n << 0n,
  LOG_SHMFD: 1n << 1n,
  REPLY_ACK: 1n << 3n,
  BACKEND_REQ: 1n << 5n,
  CONFIG: 1n << 9n,
  INFLIGHT_SHMFD: 1n << 12n,
  RESET_DEVICE: 1n << 13n,
  INBAND_NOTIFICATIONS: 1n << 14n,
  CONFIGURE_MEM_SLOTS: 1n << 15n,
  STATUS: 1n << 16n,
} as const

/** Payload flag of SET_VRING_KICK, CALL and ERR: no descriptor comes with the message. */
export const VRING_NO_FD = 0x100

export const Descriptor = { NEXT: 1, WRITE: 2, INDIRECT: 4 } as const
export const DESCRIPTOR_SIZE = 16
export const AVAIL_NO_INTERRUPT = 1
export const USED_NO_NOTIFY = 1

export const Status = { FEATURES_OK: 8, DRIVER_OK: 4 } as const

export const EMPTY: Uint8Array = new Uint8Array(0)

/** Little-endian 64-bit words. */
export function u64s(...values: (number | bigint)[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 8))
  for (const [i, value] of values.entries()) view.setBigUint64(i * 8, BigInt.asUintN(64, BigInt(value)), true)
  return new Uint8Array(view.buffer)
}

/** Little-endian 32-bit words. */
export function u32s(...values: number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 4))
  for (const [i, value] of values.entries()) view.setUint32(i * 4, value, true)
  return new Uint8Array(view.buffer)
}

export function join(...parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

export const header = (request: number, flags: number, size: number): Uint8Array => u32s(request, flags, size)

/** `struct vhost_vring_state`: ring index and a number. */
export const vringState = (index: number, num: number): Uint8Array => u32s(index, num)

/** `struct vhost_vring_addr`: all four are addresses of the front end, not of the guest. */
export const vringAddress = (
  index: number,
  addresses: { descriptors: number | bigint; used: number | bigint; available: number | bigint },
  flags = 0,
  log: number | bigint = 0,
): Uint8Array => join(u32s(index, flags), u64s(addresses.descriptors, addresses.used, addresses.available, log))

export interface WireRegion {
  guest: number | bigint
  size: number | bigint
  user: number | bigint
  offset: number | bigint
}

export const region = (r: WireRegion): Uint8Array => u64s(r.guest, r.size, r.user, r.offset)

/** Payload of SET_MEM_TABLE; `count` may lie. */
export const memoryTable = (regions: readonly WireRegion[], count = regions.length): Uint8Array =>
  join(u32s(count, 0), ...regions.map(region))

/** Payload of ADD_MEM_REG and REM_MEM_REG. */
export const singleRegion = (r: WireRegion): Uint8Array => join(u64s(0), region(r))

/** Payload of GET_INFLIGHT_FD and SET_INFLIGHT_FD, padded to its C size. */
export function inflight(size: number, offset: number, queues: number, queueSize: number): Uint8Array {
  return join(u64s(size, offset), u32s(queues | (queueSize << 16), 0))
}
