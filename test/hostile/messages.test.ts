/**
 * Malformed SCMI messages on a served platform: each gets the right status, or is returned unanswered if it has no header or
 * no room for a status.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { POISON } from '../../src/front-end/driver.js'
import { FLAT } from '../../src/front-end/memory.js'
import { packHeader } from '../../src/wire/header.js'
import { statusName } from '../../src/wire/status.js'
import { createSite, type Site } from './site.js'

const GIB = 1 << 30
const ALL = 0xffff_ffff
const ROOM = 136
const [BASE, POWER, SYSTEM, PERF, CLOCK, SENSOR] = [0x10, 0x11, 0x12, 0x13, 0x14, 0x15]
const [RESET, VOLTAGE, POWERCAP, PINCTRL] = [0x16, 0x17, 0x18, 0x19]
/** The first standard protocol that nobody has. */
const UNUSED = 0x1c
const TOKEN = 0x155

type Answer = ReturnType<typeof statusName> | 'unanswered'

interface Case {
  name: string
  bytes: Uint8Array
  answer: Answer
  /** Bytes of the reply buffer. */
  room?: number
}

const words = (...values: number[]) => new Uint8Array(Uint32Array.of(...values).buffer)
const header = (protocol: number, id: number, type = 0) => packHeader(protocol, id, type, TOKEN)
const cut = (bytes: Uint8Array, length: number) => {
  const all = new Uint8Array(length)
  all.set(bytes.subarray(0, length))
  return all
}

const CASES: Case[] = []
function add(name: string, answer: Answer, bytes: Uint8Array, room = ROOM): void {
  CASES.push({ name, answer, bytes, room })
}
/** A command with these payload words. */
function command(name: string, answer: Answer, protocol: number, id: number, ...payload: number[]): void {
  add(name, answer, words(header(protocol, id), ...payload))
}

const RATE_GET = words(header(CLOCK, 0x6), 1)

for (const length of [0, 1, 2, 3]) {
  add(`[short-request] a request of ${length} bytes, too short for a header`, 'unanswered', cut(RATE_GET, length))
}
for (const room of [0, 1, 4, 7]) {
  add(`[short-request] ${room} bytes for the reply, too few for a status`, 'unanswered', RATE_GET, room)
}
for (const room of [8, 12, 15]) add(`[short-buffer] ${room} bytes for a reply of 16`, 'COMMS_ERROR', RATE_GET, room)
for (const type of [1, 2, 3]) {
  add(`[fields] a message of type ${type}, which is no command`, 'PROTOCOL_ERROR', words(header(CLOCK, 0x6, type), 1))
}
for (const length of [4, 5, 7, 9, 12, 100, 480]) {
  add(`[fields] ${length} bytes where 8 are right`, 'PROTOCOL_ERROR', cut(RATE_GET, length))
}
for (const protocol of [0, 0xf, UNUSED, 0x7f, 0x80, 0xff]) {
  command(`[fields] protocol 0x${protocol.toString(16)}, which nobody has`, 'NOT_SUPPORTED', protocol, 0)
}
for (const id of [0x6f, 0x80, 0xff]) command(`[fields] command 0x${id.toString(16)}`, 'NOT_FOUND', CLOCK, id)
command('[fields] header bits 31:28, which are reserved', 'SUCCESS', CLOCK, 0x0)
CASES[CASES.length - 1]!.bytes[3]! |= 0xf0

command('[fields] attributes of message 2^32 - 1', 'NOT_FOUND', BASE, 0x2, ALL)
command('[fields] version 2^32 - 1', 'NOT_SUPPORTED', CLOCK, 0x10, ALL)
command('[fields] protocols after the first 2^32 - 1', 'INVALID_PARAMETERS', BASE, 0x6, ALL)
command('[fields] agent 2^32 - 2', 'NOT_FOUND', BASE, 0x7, ALL - 1)
command('[fields] permissions for agent 2^32 - 1', 'NOT_FOUND', BASE, 0x9, ALL, 0, 0)
command('[fields] permissions for device 2^32 - 1', 'NOT_FOUND', BASE, 0x9, 1, ALL, 0)
command('[fields] permissions, by an agent that is not trusted', 'DENIED', BASE, 0x9, 2, 0, 0)
command('[fields] permissions for protocol 2^32 - 1', 'NOT_FOUND', BASE, 0xa, 1, 0, ALL, 0)
command('[fields] reset of another agent, by one that is not trusted', 'DENIED', BASE, 0xb, 2, 0)
command('[fields] reset of its own permissions, by one that is not trusted', 'DENIED', BASE, 0xb, 1, 1)
command('[fields] power domain 2^32 - 1', 'NOT_FOUND', POWER, 0x3, ALL)
command('[fields] power state 2^32 - 1', 'INVALID_PARAMETERS', POWER, 0x4, 0, 0, ALL)
command('[fields] all flags of a power state', 'INVALID_PARAMETERS', POWER, 0x4, ALL, 0, 0)
command('[fields] system state 2^32 - 1', 'NOT_SUPPORTED', SYSTEM, 0x3, 0, ALL)
command('[fields] performance level 2^32 - 1', 'OUT_OF_RANGE', PERF, 0x7, 0, ALL)
command('[fields] limits that contradict each other', 'INVALID_PARAMETERS', PERF, 0x5, 0, 600, 816)
command('[fields] levels from 2^32 - 1 on', 'OUT_OF_RANGE', PERF, 0x4, 0, ALL)
command('[fields] clock 2^32 - 1', 'NOT_FOUND', CLOCK, 0x6, ALL)
command('[fields] clock 2^31', 'NOT_FOUND', CLOCK, 0x6, 0x8000_0000)
command('[fields] rates from 2^32 - 1 on', 'OUT_OF_RANGE', CLOCK, 0x4, 1, ALL)
command('[fields] a rate of 2^64 - 1 Hz', 'INVALID_PARAMETERS', CLOCK, 0x5, 0, 1, ALL, ALL)
command('[fields] all flags of a rate', 'INVALID_PARAMETERS', CLOCK, 0x5, ALL, 1, 24e6, 0)
command('[fields] parents after the first 2^32 - 1', 'OUT_OF_RANGE', CLOCK, 0xc, 1, ALL)
command('[fields] a clock fed from clock 2^32 - 1', 'NOT_FOUND', CLOCK, 0xd, 1, ALL)
command('[fields] all bits of a clock configuration', 'INVALID_PARAMETERS', CLOCK, 0x7, 1, ALL, ALL)
command('[fields] sensor 2^32 - 1', 'NOT_FOUND', SENSOR, 0x6, ALL, 0)
command('[fields] sensors from 2^32 - 1 on', 'INVALID_PARAMETERS', SENSOR, 0x3, ALL)
command('[fields] axes from 2^32 - 1 on', 'INVALID_PARAMETERS', SENSOR, 0x7, 8, ALL)
command('[fields] update intervals from 2^32 - 1 on', 'INVALID_PARAMETERS', SENSOR, 0x8, 0, ALL)
command('[fields] trip point 255', 'INVALID_PARAMETERS', SENSOR, 0x5, 0, 0xff0, 0, 0)
command('[fields] all bits of a sensor configuration', 'INVALID_PARAMETERS', SENSOR, 0xa, 0, ALL)
command('[fields] all flags of a reset', 'INVALID_PARAMETERS', RESET, 0x4, 0, ALL, 0)
command('[fields] reset to state 2^32 - 1', 'INVALID_PARAMETERS', RESET, 0x4, 0, 1, ALL)
command('[fields] a voltage of -2^31 uV', 'OUT_OF_RANGE', VOLTAGE, 0x7, 2, 0, 0x8000_0000)
command('[fields] voltage levels from 2^32 - 1 on', 'OUT_OF_RANGE', VOLTAGE, 0x4, 1, ALL)
command('[fields] a cap of 2^32 - 1', 'OUT_OF_RANGE', POWERCAP, 0x5, 0, 0, 0, ALL)
command('[fields] an averaging interval of 2^32 - 1 us', 'OUT_OF_RANGE', POWERCAP, 0xf, 0, 0, ALL, 0)
command('[fields] thresholds that contradict each other', 'INVALID_PARAMETERS', POWERCAP, 0xb, 0, 1, ALL, 0)
command('[fields] a fast channel', 'NOT_SUPPORTED', PERF, 0xb, 0, 7)
// Bits 9:2 are the number of pairs that follow.
command('[fields] 255 pairs counted, none there', 'PROTOCOL_ERROR', PINCTRL, 0x6, 0, 0, 255 << 2)
command('[fields] one pair more counted than there is', 'PROTOCOL_ERROR', PINCTRL, 0x6, 0, 0, 2 << 2, 1, 1)
command('[fields] one pair less counted than there is', 'PROTOCOL_ERROR', PINCTRL, 0x6, 0, 0, 1 << 2, 1, 1, 2, 2)
command('[fields] half a pair', 'PROTOCOL_ERROR', PINCTRL, 0x6, 0, 0, 1 << 2, 1)
command('[fields] a selector that is none', 'INVALID_PARAMETERS', PINCTRL, 0x3, 0, ALL)
command('[fields] a value of no type', 'NOT_SUPPORTED', PINCTRL, 0x6, 0, 0, 1 << 2, 255, 1)

describe('a message', () => {
  let site: Site
  const cleanups: (() => void)[] = []
  beforeAll(async () => {
    site = await createSite({ defer: cleanup => cleanups.push(cleanup) })
  })
  afterAll(() => {
    for (const cleanup of cleanups.reverse()) cleanup()
  })

  it.each(CASES)('$name', async ({ bytes, room, answer }) => {
    const { reply, length } = await site.hostile.driver.exchange(bytes, room ?? ROOM)
    if (answer === 'unanswered') {
      expect(length).toBe(0)
    } else {
      const [echo, status] = new Int32Array(reply.buffer.slice(0, 8))
      expect(echo! >>> 0).toBe(new DataView(bytes.buffer).getUint32(0, true))
      expect(statusName(status!)).toBe(answer)
      if (answer !== 'SUCCESS') expect(length).toBe(8)
    }
    expect(await site.bystander.send(CLOCK, 0x6, 0)).toEqual([0, 24e6, 0])
  })

  it('none of these has done harm', () => site.expectUnharmed())
})

describe('[long-request] a request', () => {
  const BIG = 4 * GIB
  const memory = [FLAT, { guest: BIG, size: 4 * GIB, file: 1 }]

  it.each([4097, 1 << 20, GIB - 256, 2 * GIB, ALL - 256])(
    'of %i bytes is refused without being copied',
    async length => {
      const site = await createSite({ memory })
      const { driver, memory: guest } = site.hostile
      guest.write(BIG, RATE_GET)
      const replyAt = guest.allocate(ROOM)
      guest.fill(replyAt, ROOM, POISON)
      const before = process.memoryUsage().rss
      driver.cmdq.post({ readable: [{ at: BIG, length }], writable: [{ at: replyAt, length: ROOM }] })
      driver.cmdq.publish()
      expect(await driver.cmdq.collect(1)).toMatchObject([{ length: 8 }])
      expect(guest.view(replyAt, 8).getInt32(4, true)).toBe(-10)
      expect(process.memoryUsage().rss - before).toBeLessThan(64 << 20)
      await site.expectUnharmed()
    },
  )
})
