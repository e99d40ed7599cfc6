/**
 * [tampering] A guest rewrites descriptors, tables and requests on another processor while the device reads them. The device
 * must use the value that it checked: it answers as for one of the two values, or reports a fault, and writes no byte beyond
 * the buffers.
 */
import { expect, it } from 'vitest'
import {
  BATCH_HEADER,
  ENTRY_REPLY_CAPACITY,
  ENTRY_REPLY_OFFSET,
  ENTRY_REPLY_WINDOW,
  ENTRY_REQUEST_OFFSET,
  ENTRY_REQUEST_WINDOW,
  ENTRY_WRITTEN,
  NativeEvent,
} from '../../src/device/native.js'
import { POISON } from '../../src/front-end/driver.js'
import { FLAT } from '../../src/front-end/memory.js'
import { Descriptor } from '../../src/front-end/protocol.js'
import { writeDescriptor } from '../../src/front-end/queue.js'
import { turns } from '../../src/front-end/wait.js'
import { sys } from '../driver/syscalls.js'
import { type BackEnd, type Rig, started } from './rig.js'

const { NEXT, WRITE, INDIRECT } = Descriptor
const ROUNDS = 100
/** Two descriptors: each chain is head 0. */
const SIZE = 2
const END = FLAT.guest + FLAT.size
const REQUEST = 8
const REPLY = 64
/** Bytes behind the reply buffer that nobody may write. */
const GUARD = 4096
const ANSWER = 0x5a

/** Addresses of the parts of a chain. */
interface Place {
  request: number
  reply: number
  table: number
  descriptors: number
  available: number
}

interface Case {
  name: string
  /** Address of the word, its right value, and the other one. */
  word: (at: Place) => [address: number, right: number, other: number]
  indirect?: boolean
  /** Allowed values of used.len. */
  lengths?: number[]
}

const flags = (bits: number, next = 0) => bits | (next << 16)

const CASES: Case[] = [
  { name: 'address of the request', word: at => [at.descriptors, at.request, END - 4] },
  { name: 'upper half of the address', word: at => [at.descriptors + 4, 0, 0xffff_ffff] },
  { name: 'length of the request', word: at => [at.descriptors + 8, REQUEST, 0xffff_ffff] },
  { name: 'request that becomes indirect', word: at => [at.descriptors + 12, flags(NEXT, 1), flags(INDIRECT)] },
  { name: 'next', word: at => [at.descriptors + 12, flags(NEXT, 1), flags(NEXT, 0xffff)] },
  { name: 'chain that becomes a loop', word: at => [at.descriptors + 12, flags(NEXT, 1), flags(NEXT, 0)] },
  {
    name: 'chain that ends before the reply',
    word: at => [at.descriptors + 12, flags(NEXT, 1), 0],
    lengths: [0, REPLY],
  },
  { name: 'address of the reply', word: at => [at.descriptors + 16, at.reply, END - 1] },
  { name: 'length of the reply', word: at => [at.descriptors + 24, REPLY, 16], lengths: [16, REPLY] },
  { name: 'length of the reply, huge', word: at => [at.descriptors + 24, REPLY, 0xffff_ffff] },
  { name: 'reply that becomes readable', word: at => [at.descriptors + 28, flags(WRITE), 0], lengths: [0, REPLY] },
  { name: 'head', word: at => [at.available + 4, 0, 0xffff_ffff] },
  { name: 'length of the table', indirect: true, word: at => [at.descriptors + 8, 32, 0xffff_fff0] },
  { name: 'address of the table', indirect: true, word: at => [at.descriptors, at.table, END - 16] },
  { name: 'address in the table', indirect: true, word: at => [at.table + 16, at.reply, END - 1] },
  { name: 'next in the table', indirect: true, word: at => [at.table + 12, flags(NEXT, 1), flags(NEXT, 2)] },
  {
    name: 'length in the table',
    indirect: true,
    word: at => [at.table + 24, REPLY, 16],
    lengths: [16, REPLY],
  },
  { name: 'entry of the table that becomes indirect', indirect: true, word: at => [at.table + 28, WRITE, INDIRECT] },
  { name: 'request', word: at => [at.request, 1, 2] },
]

/** Fills the reply buffer, up to the entry's capacity, with the first byte of the request or ANSWER. */
function answer(count: number, { batch, windows }: BackEnd): void {
  expect(count).toBe(1)
  const request = windows[batch[BATCH_HEADER + ENTRY_REQUEST_WINDOW]!]!
  const first = request.getUint8(batch[BATCH_HEADER + ENTRY_REQUEST_OFFSET]!)
  const reply = windows[batch[BATCH_HEADER + ENTRY_REPLY_WINDOW]!]!
  const capacity = batch[BATCH_HEADER + ENTRY_REPLY_CAPACITY]!
  for (let i = 0; i < capacity; i++) reply.setUint8(batch[BATCH_HEADER + ENTRY_REPLY_OFFSET]! + i, first || ANSWER)
  batch[BATCH_HEADER + ENTRY_WRITTEN] = capacity
}

/** Writes the right chain: two descriptors, or one for a table of two. */
function writeChain({ driver, memory }: Rig, at: Place, indirect: boolean): void {
  const bytes = new Uint8Array(2 * 16)
  const view = new DataView(bytes.buffer)
  writeDescriptor(view, 0, at.request, REQUEST, NEXT, 1)
  writeDescriptor(view, 1, at.reply, REPLY, WRITE, 0)
  memory.write(indirect ? at.table : at.descriptors, bytes)
  if (indirect) driver.cmdq.descriptor(0, at.table, 32, INDIRECT)
}

/** Offers the chain once. Returns used.len, or 'fault'. */
async function offer({ driver: { cmdq }, backEnd }: Rig): Promise<number | 'fault'> {
  const faults = backEnd.count(NativeEvent.QUEUE_FAULT)
  const before = cmdq.usedIdx
  cmdq.nextAvailable = (cmdq.nextAvailable + 1) & 0xffff
  cmdq.storeIdx(cmdq.nextAvailable)
  cmdq.kickNow()
  while (cmdq.usedIdx === before) {
    if (backEnd.count(NativeEvent.QUEUE_FAULT) > faults) return 'fault'
    await turns(1)
  }
  return cmdq.usedEntries[2 + 2 * (before % SIZE)]!
}

const cases = CASES.map(one => ({ ...one, name: `[tampering] the ${one.name} changes all the time` }))

it.each(cases)('$name', async ({ word, indirect = false, lengths = [REPLY] }) => {
  const rig = await started({ size: SIZE, form: 'indirect', onBatch: answer })
  const { memory, driver, frontEnd, backEnd } = rig
  const { descriptors, available } = driver.cmdq.at
  const [request, reply, table] = [REQUEST, REPLY + GUARD, 32].map(length => memory.allocate(length))
  const at: Place = { request: request!, reply: reply!, table: table!, descriptors, available }
  const [address, right, other] = word(at)
  writeChain(rig, at, indirect)
  const child = sys.forkFlip(memory.words32(address, 1), 0, right, other)
  rig.own({ close: () => sys.killChild(child) })
  for (let round = 0; round < ROUNDS; round++) {
    memory.fill(at.reply, REPLY + GUARD, POISON)
    const length = await offer(rig)
    const written = length === 'fault' ? 0 : length
    if (length !== 'fault') expect(lengths).toContain(length)
    const bytes = memory.read(at.reply, REPLY + GUARD)
    expect(bytes.subarray(written).every(byte => byte === POISON)).toBe(true)
    expect(new Set(bytes.subarray(0, written)).size).toBeLessThanOrEqual(1)
    if (length !== 'fault') continue
    for (const queue of driver.queues) await frontEnd.getBase(queue.index)
    driver.reset()
    writeChain(rig, at, indirect)
    await rig.start()
    sys.readEvent(driver.cmdq.kick)
  }
  expect(backEnd.batches.length).toBeGreaterThan(0)
  backEnd.takeSurprises()
})
