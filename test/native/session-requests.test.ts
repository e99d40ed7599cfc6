/** Every request in every state of a session, correct and wrong: the reply, and that no descriptor is left open. */
import { closeSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { NativeEvent } from '../../src/device/native.js'
import { FLAG_NEED_REPLY, header, join, Request, requestName, VERSION } from '../../src/front-end/protocol.js'
import { stop } from '../../src/front-end/qemu.js'
import { turns } from '../../src/front-end/wait.js'
import { sys } from '../driver/syscalls.js'
import { fdsFor, MEMORY, ROWS, type Row, SERVED } from './requests.js'
import { connected, negotiated, pattern, type Rig, type RigOptions, started } from './rig.js'

const OPTIONS: RigOptions = { memory: MEMORY, memSlots: true }

const STATES: Record<string, () => Promise<Rig>> = {
  'first message': () => connected(OPTIONS),
  negotiated: () => negotiated(OPTIONS),
  running: () => started(OPTIONS),
  stopped: async () => {
    const rig = await started(OPTIONS)
    await stop(rig.frontEnd, rig.driver.queues)
    return rig
  },
  reconnected: async () => {
    const rig = await started(OPTIONS)
    await rig.reconnect()
    return rig
  },
}

/** Requests that are well-formed but refused: what they would change is in use, or does not exist. */
const REFUSED_IN: Partial<Record<keyof typeof Request, string[]>> = {
  REM_MEM_REG: ['first message', 'negotiated', 'reconnected'],
  SET_VRING_NUM: ['running'],
  SET_VRING_ADDR: ['running'],
  SET_VRING_BASE: ['running'],
  SET_INFLIGHT_FD: ['running'],
}

function send(rig: Rig, row: Row, needReply: boolean): void {
  rig.frontEnd.send(row.request, row.payload(rig), { needReply, fds: fdsFor(rig, row) })
}

/**
 * Expects a refusal. With need_reply, the acknowledgement is not 0. Without, an unknown request is ignored and a known one
 * ends the connection, because the front end would believe that it was done.
 */
async function expectRefused(rig: Rig, request: number, needReply: boolean): Promise<void> {
  if (needReply) {
    const { payload } = await rig.frontEnd.reply(request, 8)
    expect(new DataView(payload.buffer).getBigUint64(0, true)).not.toBe(0n)
    await rig.frontEnd.sync()
  } else if (SERVED.some(row => row.request === request)) {
    await rig.frontEnd.ended()
  } else {
    await rig.frontEnd.sync()
  }
  const { text } = await rig.backEnd.expect(NativeEvent.REFUSED)
  expect(text).toContain(SERVED.some(row => row.request === request) ? requestName(request) : `${request}`)
}

describe.each(Object.keys(STATES))('%s', state => {
  for (const needReply of [true, false]) {
    it.each(ROWS)(`$name is accepted or refused, need_reply ${needReply}`, async row => {
      const rig = await STATES[state]!()
      const before = rig.backEnd.happenings.length
      send(rig, row, needReply)
      if (row.answer === 'unknown' || REFUSED_IN[row.name]?.includes(state)) {
        await expectRefused(rig, row.request, needReply)
      } else if (row.answer === 'ack') {
        if (needReply) {
          const { payload } = await rig.frontEnd.reply(row.request, 8)
          expect(new DataView(payload.buffer).getBigUint64(0, true)).toBe(0n)
        }
        await rig.frontEnd.sync()
      } else {
        const { fds } = await rig.frontEnd.reply(row.request, row.answer, row.name === 'GET_INFLIGHT_FD' ? 1 : 0)
        for (const fd of fds) closeSync(fd)
        await rig.frontEnd.sync()
      }
      // The device serves the next front end in any case.
      expect(rig.backEnd.happenings.length).toBeGreaterThanOrEqual(before)
      await rig.reconnect()
      rig.driver.reset()
      await rig.start()
      expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
    })
  }
})

describe('[payload-size] a payload of the wrong size is refused', () => {
  const cases = SERVED.flatMap(
    row =>
      [-8, -4, -1, 1, 8, 4000].flatMap(by => [true, false].map(needReply => ({ name: row.name, row, by, needReply }))),
    // Payloads of the inflight requests may have 20 to 24 bytes.
  ).filter(({ row, by }) => row.size + by >= 0 && !(row.size === 24 && row.size + by >= 20 && by < 0))

  it.each(cases)('$name by $by bytes, need_reply $needReply', async ({ row, by, needReply }) => {
    const rig = await negotiated(OPTIONS)
    const right = row.payload(rig)
    expect(right.length).toBe(row.size)
    const payload = new Uint8Array(row.size + by)
    payload.set(right.subarray(0, payload.length))
    rig.frontEnd.send(row.request, payload, { needReply, fds: fdsFor(rig, row) })
    await expectRefused(rig, row.request, needReply)
  })

  it.each([4097, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff])(
    '%i bytes announced end the connection',
    async size => {
      const rig = await negotiated(OPTIONS)
      rig.frontEnd.send(Request.SET_FEATURES, new Uint8Array(8), { needReply: true, size })
      await rig.frontEnd.ended()
      await rig.reconnect()
      await rig.start()
    },
  )
})

describe('[descriptors] descriptors', () => {
  const both = (rows: readonly Row[]) =>
    rows.flatMap(row => [true, false].map(needReply => ({ name: row.name, row, needReply })))
  // REM_MEM_REG may bring the region's descriptor; it is closed.
  const tooMany = both(SERVED.filter(row => row.name !== 'REM_MEM_REG'))
  const tooFew = both(SERVED.filter(row => row.fdCount > 0))

  it.each(tooMany)('one too many is refused and closed: $name, need_reply $needReply', async ({ row, needReply }) => {
    const rig = await negotiated(OPTIONS)
    const extra = sys.eventfd()
    rig.own({ close: () => closeSync(extra) })
    rig.frontEnd.send(row.request, row.payload(rig), { needReply, fds: [...fdsFor(rig, row), extra] })
    await expectRefused(rig, row.request, needReply)
  })

  it.each(tooFew)('one missing is refused: $name, need_reply $needReply', async ({ row, needReply }) => {
    const rig = await negotiated(OPTIONS)
    rig.frontEnd.send(row.request, row.payload(rig), { needReply, fds: fdsFor(rig, row).slice(1) })
    await expectRefused(rig, row.request, needReply)
  })

  it.each(ROWS)('thirty are closed, whatever the request: $name', async row => {
    const rig = await negotiated(OPTIONS)
    const fds = Array.from({ length: 30 }, () => sys.eventfd())
    rig.own({ close: () => fds.forEach(fd => void closeSync(fd)) })
    rig.frontEnd.send(row.request, row.payload(rig), { needReply: true, fds })
    await expectRefused(rig, row.request, true)
  })

  it('more than a message may have end the connection, and are closed', async () => {
    const rig = await negotiated(OPTIONS)
    const fds = Array.from({ length: 60 }, () => sys.eventfd())
    rig.own({ close: () => fds.forEach(fd => void closeSync(fd)) })
    rig.frontEnd.send(Request.GET_FEATURES, undefined, { fds })
    await rig.frontEnd.ended()
  })

  it('sent with a later byte of the message belong to it as well', async () => {
    const rig = await negotiated(OPTIONS)
    const fd = sys.eventfd()
    rig.own({ close: () => closeSync(fd) })
    const call = join(header(Request.SET_VRING_CALL, VERSION | FLAG_NEED_REPLY, 8), new Uint8Array(8))
    rig.frontEnd.raw(call.subarray(0, 5))
    await turns(2)
    rig.frontEnd.raw(call.subarray(5, 14), [fd])
    await turns(2)
    rig.frontEnd.raw(call.subarray(14))
    const { payload } = await rig.frontEnd.reply(Request.SET_VRING_CALL, 8)
    expect(payload).toEqual(new Uint8Array(8))
  })

  it('of a message that never comes whole are closed when the front end goes', async () => {
    const rig = await negotiated(OPTIONS)
    const fds = Array.from({ length: 8 }, () => sys.eventfd())
    rig.own({ close: () => fds.forEach(fd => void closeSync(fd)) })
    rig.frontEnd.raw(header(Request.SET_MEM_TABLE, VERSION, 264), fds)
    await turns()
    await rig.reconnect()
    await rig.start()
  })
})

describe('a frame', () => {
  it.each([1, 2, 3, 5, 11, 12, 13, 19])('may come in pieces of %i bytes', async size => {
    const rig = await connected(OPTIONS)
    const raw = rig.frontEnd.raw.bind(rig.frontEnd)
    rig.frontEnd.raw = (bytes, fds = []) => {
      for (let at = 0; at < bytes.length; at += size) raw(bytes.slice(at, at + size), at === 0 ? fds : [])
    }
    await rig.start()
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
  })

  it('may come byte by byte, with turns of the loop between', async () => {
    const rig = await connected(OPTIONS)
    const bytes = header(Request.GET_FEATURES, VERSION, 0)
    for (const byte of bytes) {
      rig.frontEnd.raw(new Uint8Array([byte]))
      await turns(2)
    }
    await rig.frontEnd.reply(Request.GET_FEATURES, 8)
  })

  it('[slow-front-end] that is never completed does not delay the rings', async () => {
    const rig = await started(OPTIONS)
    rig.frontEnd.raw(header(Request.SET_FEATURES, VERSION, 8))
    for (let i = 0; i < 20; i++) expect((await rig.driver.exchange(pattern(8, i), 8)).length).toBe(8)
  })

  it.each([
    { name: 'version 0', flags: 0 },
    { name: 'version 2', flags: 2 },
    { name: 'version 3', flags: 3 },
    { name: 'the reply bit', flags: VERSION | 4 },
    { name: 'a reserved bit', flags: VERSION | 0x10 },
    { name: 'the highest bit', flags: (VERSION | 0x8000_0000) >>> 0 },
  ])('[request-header] with $name ends the connection; the next one is served', async ({ flags }) => {
    const rig = await negotiated(OPTIONS)
    rig.frontEnd.send(Request.GET_FEATURES, undefined, { flags })
    await rig.frontEnd.ended()
    await rig.reconnect()
    await rig.start()
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
  })

  it.each([0, 45, 100, 0x7fff_ffff, 0xffff_ffff])(
    '[request-header] with the unknown request %i is refused, or ignored without need_reply',
    async id => {
      for (const payload of [new Uint8Array(0), new Uint8Array(8), new Uint8Array(4096)]) {
        const rig = await negotiated(OPTIONS)
        rig.frontEnd.send(id, payload, { needReply: true })
        await expectRefused(rig, id, true)
        rig.frontEnd.send(id, payload)
        await expectRefused(rig, id, false)
        await rig.frontEnd.sync()
      }
    },
  )

  it('a hundred of them at once are answered in order', async () => {
    const rig = await negotiated(OPTIONS)
    for (let i = 0; i < 10; i++) {
      for (let k = 0; k < 10; k++) rig.frontEnd.send(k % 2 ? Request.GET_FEATURES : Request.GET_STATUS)
      for (let k = 0; k < 10; k++) await rig.frontEnd.reply(k % 2 ? Request.GET_FEATURES : Request.GET_STATUS, 8)
    }
  })
})
