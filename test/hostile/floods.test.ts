/** Guests that send more than can be served: their backlog is bounded, and others are served meanwhile. */
import { expect, it } from 'vitest'
import { until } from '../../src/front-end/wait.js'
import { VirtualTime } from '../../src/platform/core/time.js'
import { packHeader } from '../../src/wire/header.js'
import { BUSY, SUCCESS } from '../../src/wire/status.js'
import { sys } from '../driver/syscalls.js'
import { createSite, postEventBuffers, type Site } from './site.js'

const CLOCK = 0x14
const SENSOR = 0x15
const UART = 1
/** A sensor of the preset whose asynchronous readings take 30 ms, four at once. */
const CHARGER = 7
const LATENCY_US = 30_000
const AT_ONCE = 4
const RESPONSES_MAX = 1024
const NOTIFICATIONS_MAX = 256

/** The bystander sends `times` messages and gets its replies. */
async function serveBystander({ bystander }: Site, times = 200): Promise<void> {
  for (let i = 0; i < times; i++) expect(await bystander.send(CLOCK, 0x6, 0)).toEqual([0, 24e6, 0])
}

it('[uncollected] notifications that nobody collects are dropped, the oldest first', async () => {
  const site = await createSite()
  const { hostile, server } = site
  expect(await hostile.send(CLOCK, 0xa, UART, 1)).toEqual([0])
  const ROUNDS = 1000
  for (let i = 0; i < ROUNDS; i++) expect(await hostile.send(CLOCK, 0x5, 0, UART, i % 2 ? 24e6 : 48e6, 0)).toEqual([0])
  expect(server.stats()[0]).toMatchObject({
    notificationsWaiting: NOTIFICATIONS_MAX,
    notificationsDropped: ROUNDS - NOTIFICATIONS_MAX,
  })
  postEventBuffers(hostile)
  const count = hostile.driver.eventq.size
  await until(() => hostile.driver.eventq.usedIdx === count, 'notifications')
  expect(hostile.events()[0]?.slice(1)).toEqual([1, UART, 48e6, 0])
  await serveBystander(site, 5)
  await site.expectUnharmed()
})

it('[uncollected] delayed responses that nobody collects make further ones BUSY; none is lost', async () => {
  const time = new VirtualTime()
  const site = await createSite({ time })
  const { hostile, server } = site
  const readLater = () => hostile.send(SENSOR, 0x6, CHARGER, 1)
  for (let i = 0; i < RESPONSES_MAX / AT_ONCE; i++) {
    for (let k = 0; k < AT_ONCE; k++) expect(await readLater()).toEqual([SUCCESS])
    expect(await readLater()).toEqual([BUSY])
    time.advance(LATENCY_US)
  }
  await until(() => server.stats()[0]!.notificationsWaiting === RESPONSES_MAX, 'delayed responses')
  expect(await readLater()).toEqual([BUSY])
  expect(await hostile.send(CLOCK, 0x5, 1, UART, 48e6, 0)).toEqual([BUSY])
  // Commands without a delayed response still work.
  expect(await hostile.send(CLOCK, 0x5, 0, UART, 48e6, 0)).toEqual([SUCCESS])
  let collected = 0
  while (collected < RESPONSES_MAX) {
    postEventBuffers(hostile)
    await until(() => hostile.driver.eventq.usedIdx !== hostile.driver.eventq.nextUsed, 'delayed responses')
    for (const [header, status] of hostile.events()) {
      expect([header, status]).toEqual([packHeader(SENSOR, 0x6, 2, 1), SUCCESS])
      collected++
    }
  }
  expect(await readLater()).toEqual([SUCCESS])
  await site.expectUnharmed()
})

it('[kick-storm] a guest that kicks all the time delays nobody else', async () => {
  const site = await createSite()
  const { cmdq } = site.hostile.driver
  const child = sys.forkDriver(cmdq.available, cmdq.usedHeader, 0, cmdq.kick, 0)
  await serveBystander(site)
  await site.hostile.frontEnd!.sync()
  sys.killChild(child)
  await site.expectUnharmed()
})

it.each([1, 8])(
  '[kick-storm] a guest that never stops sending, with %i messages in flight, delays nobody else',
  async depth => {
    const site = await createSite()
    const { cmdq } = site.hostile.driver
    await site.hostile.send(CLOCK, 0x6, 0)
    const heads = Array.from({ length: depth }, () => site.hostile.driver.post(new Uint8Array(8), 64).head)
    for (let i = 0; i < cmdq.size; i++) cmdq.available[2 + i] = heads[i % depth]!
    const child = sys.forkDriver(cmdq.available, cmdq.usedHeader, depth, cmdq.kick, 1)
    while (site.server.stats()[0]!.messages < 1000) await serveBystander(site, 5)
    await site.hostile.frontEnd!.sync()
    sys.killChild(child)
    await site.expectUnharmed()
  },
)
