/** Broken and hostile front ends on a served platform. The other guest must not notice them. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { FLAT } from '../../src/front-end/memory.js'
import { header, memoryTable, Request, VERSION } from '../../src/front-end/protocol.js'
import { turns, until } from '../../src/front-end/wait.js'
import { Guest } from '../driver/guest.js'
import { openFds } from '../driver/resources.js'
import { sys } from '../driver/syscalls.js'
import { createSite, type Site } from './site.js'

const CLOCK = 0x14
const GIB = 1 << 30
const PAGE = 4096

const serveBystander = async ({ bystander }: Site) => expect(await bystander.send(CLOCK, 0x6, 0)).toEqual([0, 24e6, 0])

describe('connections', () => {
  it('a thousand in a row, some with half a message: the other guest is served between any two', async () => {
    const site = await createSite()
    site.hostile.disconnect()
    const before = openFds().size
    const bytes = header(Request.GET_FEATURES, VERSION, 0)
    for (let i = 0; i < 1000; i++) {
      const frontEnd = FrontEnd.connect(site.path)
      frontEnd.raw(bytes.subarray(0, i % 13))
      if (i % 10 === 0) await turns(2)
      frontEnd.close()
      if (i % 10 === 5) await serveBystander(site)
    }
    await until(() => openFds().size <= before, 'the last of them to be closed')
    await site.expectUnharmed()
  })

  it('a thousand at once: one is served after the other', async () => {
    const site = await createSite()
    site.hostile.disconnect()
    const frontEnds = Array.from({ length: 1000 }, () => FrontEnd.connect(site.path))
    for (const frontEnd of frontEnds) frontEnd.send(Request.GET_FEATURES)
    for (const [i, frontEnd] of frontEnds.entries()) {
      await frontEnd.reply(Request.GET_FEATURES, 8)
      frontEnd.close()
      if (i % 20 === 0) await serveBystander(site)
    }
    await site.expectUnharmed()
  })

  it('[slow-front-end] half a message and silence: the rings of both guests still work', async () => {
    const site = await createSite()
    site.hostile.frontEnd!.raw(header(Request.SET_MEM_TABLE, VERSION, 264).subarray(0, 7))
    for (let i = 0; i < 50; i++) {
      await serveBystander(site)
      expect(await site.hostile.send(CLOCK, 0x6, 0)).toEqual([0, 24e6, 0])
    }
    await site.expectUnharmed()
  })

  it('[slow-front-end] a slow reader: the rings of both guests work until it is disconnected', async () => {
    const site = await createSite()
    const { frontEnd, driver } = site.hostile
    const request = header(Request.GET_FEATURES, VERSION, 0)
    const flood = () => {
      for (let i = 0; i < 100; i++) if (sys.send(frontEnd!.socket, request, []) < 0) return
    }
    let rounds = 0
    while (site.server.devices[0]!.connected) {
      try {
        flood()
      } catch (error) {
        expect((error as NodeJS.ErrnoException).code).toMatch(/EPIPE|ECONNRESET/)
      }
      await serveBystander(site)
      if (rounds++ < 2) expect((await driver.exchange(new Uint8Array(4), 64)).length).toBe(8)
    }
    await site.expectUnharmed()
  })
})

describe('[shrinking-file] a memory file that is truncated', () => {
  /** Rings in one file, messages in another. */
  const memory = [FLAT, { guest: 4 * GIB, size: 16 * PAGE, file: 1 }]
  const REQUEST_AT = 4 * GIB + 8 * PAGE
  const REPLY_AT = 4 * GIB + 12 * PAGE
  const HOT = 20_000

  /** A site whose hostile guest's messages are in the second file; `hot` messages first let V8 optimise the code. */
  async function truncatable(hot = 0): Promise<Site> {
    const site = await createSite({ memory, sealed: false })
    const layout = { requestAt: REQUEST_AT, replyAt: REPLY_AT }
    const bytes = new Uint8Array(Uint32Array.of((CLOCK << 10) | 0x6, 0).buffer)
    const { driver } = site.hostile
    for (let sent = 0; sent < hot; sent += 8) {
      for (let i = 0; i < 8; i++) driver.post(bytes, 64, layout)
      driver.cmdq.publish()
      for (const used of await driver.cmdq.collect(8)) expect(used.length).toBe(16)
      driver.reset()
      driver.cmdq.startAt((sent + 8) & 0xffff)
    }
    return site
  }

  /** Both queues stop with a line each in the log; nobody else is harmed. */
  async function expectStopped(site: Site): Promise<void> {
    await until(() => site.log.filter(({ level }) => level === 'error').length === 2, 'a line for each queue')
    const lines = site.complaints()
    for (const line of lines) expect(line).toMatch(/queue stopped, .*a file behind guest memory was truncated/)
    expect(lines.length).toBe(2)
    await serveBystander(site)
    site.hostile.memory.truncate(4 << 20, 0)
    site.hostile.memory.truncate(16 * PAGE, 1)
    await site.expectUnharmed()
  }

  it.each([
    { where: 'before the request, which JavaScript reads', keep: 8 },
    { where: 'between request and reply, which JavaScript writes', keep: 9 },
  ])('$where', async ({ keep }) => {
    const site = await truncatable(HOT)
    const { driver } = site.hostile
    driver.post(new Uint8Array(Uint32Array.of((CLOCK << 10) | 0x6, 0).buffer), 64, {
      requestAt: REQUEST_AT,
      replyAt: REPLY_AT,
    })
    site.hostile.memory.truncate(keep * PAGE, 1)
    driver.cmdq.publish()
    await expectStopped(site)
  })

  it.each([
    { where: 'before the rings, which native code reads', readable: [2, 6] },
    { where: 'before a request in two pieces, which native code copies', readable: [2, 6], file: 1 },
  ])('$where', async ({ readable, file = 0 }) => {
    const site = await truncatable()
    const { driver } = site.hostile
    const bytes = new Uint8Array(Uint32Array.of((CLOCK << 10) | 0x6, 0).buffer)
    driver.post(bytes, 64, { requestAt: REQUEST_AT, replyAt: REPLY_AT, readable })
    if (file === 0) driver.cmdq.storeIdx(1)
    site.hostile.memory.truncate(0, file)
    if (file === 1) driver.cmdq.storeIdx(1)
    driver.cmdq.kickNow()
    await expectStopped(site)
  })

  it('in the middle of traffic, fifteen times', async () => {
    const site = await truncatable()
    for (let round = 0; round < 15; round++) {
      const hostile = new Guest({ memory, sealed: false })
      onTestFinished(() => hostile.close())
      await site.replaceHostile(hostile)
      const { cmdq } = hostile.driver
      const { head } = hostile.driver.post(new Uint8Array(8), 64, { requestAt: REQUEST_AT, replyAt: REPLY_AT })
      for (let i = 0; i < cmdq.size; i++) cmdq.available[2 + i] = head
      const child = sys.forkDriver(cmdq.available, cmdq.usedHeader, 1, cmdq.kick, 0)
      await until(() => cmdq.usedIdx > round % 5, 'traffic')
      hostile.memory.truncate(round % 3 === 0 ? 0 : 8 * PAGE, 1)
      const lines: string[] = []
      await until(() => lines.push(...site.complaints()) === 2, 'a line for each queue')
      sys.killChild(child)
      for (const line of lines) expect(line).toMatch(/truncated/)
      await serveBystander(site)
      hostile.close()
    }
  })
})

it('[request-order] requests in a senseless order, over and over', async () => {
  const site = await createSite()
  const { frontEnd, driver, memory } = site.hostile
  for (let i = 0; i < 200; i++) {
    const index = i % 2
    if (i % 3 === 0) await frontEnd!.enable(index, i % 4 === 0)
    if (i % 5 === 0) await frontEnd!.getBase(index)
    if (i % 7 === 0) await frontEnd!.setMemoryTable(memory.regions, memory.fds)
    if (i % 11 === 0) await frontEnd!.acknowledge(Request.SET_MEM_TABLE, memoryTable([], 0))
    if (i % 13 === 0) frontEnd!.setKick(index, driver.queues[index]!.kick)
    if (i % 17 === 0) await frontEnd!.acknowledge(Request.RESET_DEVICE)
    if (i % 10 === 0) await serveBystander(site)
  }
  site.complaints()
  await site.expectUnharmed()
})
