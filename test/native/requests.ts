/** Every vhost-user request with correct payload and descriptors, and the device's reaction. */
import { closeSync } from 'node:fs'
import {
  EMPTY,
  Feature,
  inflight,
  memoryTable,
  ProtocolFeature,
  Request,
  Status,
  singleRegion,
  u32s,
  u64s,
  vringAddress,
  vringState,
} from '../../src/front-end/protocol.js'
import { sys } from '../driver/syscalls.js'
import { FLAT, type Rig } from './rig.js'

/** `ack`: done, and acknowledged on request. A number: a reply of that many bytes. `unknown`: not offered, so refused. */
export type Answer = 'ack' | 'unknown' | number

/** Descriptors that go with a request: an eventfd, those of the memory table, or a file of so many bytes. */
type Fds = 'none' | 'event' | 'memory' | number

export interface Row {
  name: keyof typeof Request
  request: number
  answer: Answer
  size: number
  payload: (rig: Rig) => Uint8Array
  fds: Fds
  /** Number of descriptors, with MEMORY. */
  fdCount: number
}

/** The memory these requests are about: two regions, so that one can go. */
export const MEMORY = [FLAT, { guest: 0x8_0000_0000, size: 1 << 20 }]

function row(
  name: keyof typeof Request,
  answer: Answer,
  size = 0,
  payload: Row['payload'] = () => EMPTY,
  fds: Fds = 'none',
): Row {
  const fdCount = fds === 'none' ? 0 : fds === 'memory' ? MEMORY.length : 1
  return { name, request: Request[name], answer, size, payload, fds, fdCount }
}

/** The right descriptors for a request; those made for it are closed with the rig. */
export function fdsFor(rig: Rig, { fds }: Row): number[] {
  if (fds === 'none') return []
  if (fds === 'memory') return rig.memory.fds
  const fd = fds === 'event' ? sys.eventfd() : sys.memfd('guest', fds, true)
  rig.own({ close: () => closeSync(fd) })
  return [fd]
}

const EXTRA = { guest: 0x9_0000_0000, size: 4096, user: 0x1000_0000, offset: 0 }
const INFLIGHT_BYTES = 2 * 1088

export const ROWS: Row[] = [
  row('GET_FEATURES', 8),
  row('SET_FEATURES', 'ack', 8, () => u64s(Feature.VERSION_1 | Feature.PROTOCOL_FEATURES)),
  row('SET_OWNER', 'ack'),
  row('RESET_OWNER', 'ack'),
  row('SET_MEM_TABLE', 'ack', 8 + 32 * MEMORY.length, rig => memoryTable(rig.memory.regions), 'memory'),
  row('SET_LOG_BASE', 'unknown', 16, () => u64s(4096, 0), 4096),
  row('SET_LOG_FD', 'unknown', 0, () => EMPTY, 'event'),
  row('SET_VRING_NUM', 'ack', 8, () => vringState(0, 64)),
  row('SET_VRING_ADDR', 'ack', 40, ({ memory, driver }) =>
    vringAddress(0, {
      descriptors: memory.toUser(driver.cmdq.at.descriptors),
      available: memory.toUser(driver.cmdq.at.available),
      used: memory.toUser(driver.cmdq.at.used),
    }),
  ),
  row('SET_VRING_BASE', 'ack', 8, () => vringState(0, 0)),
  row('GET_VRING_BASE', 8, 8, () => vringState(1, 0)),
  row('SET_VRING_KICK', 'ack', 8, () => u64s(0), 'event'),
  row('SET_VRING_CALL', 'ack', 8, () => u64s(0), 'event'),
  row('SET_VRING_ERR', 'ack', 8, () => u64s(0), 'event'),
  row('GET_PROTOCOL_FEATURES', 8),
  row('SET_PROTOCOL_FEATURES', 'ack', 8, () => u64s(ProtocolFeature.REPLY_ACK)),
  row('GET_QUEUE_NUM', 8),
  row('SET_VRING_ENABLE', 'ack', 8, () => vringState(0, 1)),
  row('SEND_RARP', 'unknown', 8, () => u64s(0)),
  row('NET_SET_MTU', 'unknown', 8, () => u64s(1500)),
  row('SET_BACKEND_REQ_FD', 'unknown', 0, () => EMPTY, 'event'),
  row('IOTLB_MSG', 'unknown', 32, () => u64s(0, 0, 0, 0)),
  row('SET_VRING_ENDIAN', 'unknown', 8, () => vringState(0, 0)),
  row('GET_CONFIG', 'unknown', 16, () => u32s(0, 4, 0, 0)),
  row('SET_CONFIG', 'unknown', 16, () => u32s(0, 4, 0, 0)),
  row('CREATE_CRYPTO_SESSION', 'unknown', 64, () => new Uint8Array(64)),
  row('CLOSE_CRYPTO_SESSION', 'unknown', 8, () => u64s(0)),
  row('POSTCOPY_ADVISE', 'unknown'),
  row('POSTCOPY_LISTEN', 'unknown'),
  row('POSTCOPY_END', 'unknown'),
  row('GET_INFLIGHT_FD', 24, 24, () => inflight(0, 0, 2, 64)),
  row('SET_INFLIGHT_FD', 'ack', 24, () => inflight(INFLIGHT_BYTES, 0, 2, 64), INFLIGHT_BYTES),
  row('GPU_SET_SOCKET', 'unknown', 0, () => EMPTY, 'event'),
  row('RESET_DEVICE', 'ack'),
  row('VRING_KICK', 'unknown', 8, () => vringState(0, 0)),
  row('GET_MAX_MEM_SLOTS', 8),
  row('ADD_MEM_REG', 'ack', 40, () => singleRegion(EXTRA), 4096),
  row('REM_MEM_REG', 'ack', 40, rig => singleRegion(rig.memory.regions[1]!)),
  row('SET_STATUS', 'ack', 8, () => u64s(Status.FEATURES_OK)),
  row('GET_STATUS', 8),
  row('GET_SHARED_OBJECT', 'unknown', 16, () => new Uint8Array(16)),
  row('SET_DEVICE_STATE_FD', 'unknown', 8, () => u32s(0, 0), 'event'),
  row('CHECK_DEVICE_STATE', 'unknown'),
  row('GET_SHMEM_CONFIG', 'unknown'),
]

export const SERVED = ROWS.filter(r => r.answer !== 'unknown')
