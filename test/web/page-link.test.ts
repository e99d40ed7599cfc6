/** What a page is sent, and the requests that it makes, without a browser; a mock driver acts as the guest. */
import { expect, it } from 'vitest'
import type { Tick } from '../../src/access/web/wire.js'
import { until } from '../../src/front-end/wait.js'
import { clocks } from '../../src/platform/clocks/index.js'
import { connectGuest, enter, openRig, openSocket, originOf, Page } from './rig.js'

const CLOCK = 0x14
const CLOCK_RATE_GET = 0x6
const CPU = 0
const PER_SECOND = 200

async function openPage() {
  const rig = await openRig()
  return { ...rig, cookie: await enter(rig.web), page: await Page.open(rig.web, await enter(rig.web)) }
}

it('sends all values first, then changed ones, with their units', async () => {
  const { page, server } = await openPage()
  expect(page.hello).toMatchObject({ description: { vendor: 'acme' }, messagesPerSecond: PER_SECOND })
  await until(() => page.shown('sensor.soc.value') !== undefined, 'the first values')
  expect(page.shown('sensor.soc.value')).toBe('41.5 °C')
  expect(page.shown('clock.uart.rate')).toBe('24 MHz')
  const before = page.ticks.length
  const model = server.platform.model(clocks)
  model.setRate(model.named('cpu'), 1.2e9, 1)
  await until(() => page.shown('clock.cpu.rate') === '1.2 GHz', 'the change')
  const told = page.ticks.slice(before).flatMap(tick => tick.values ?? [])
  expect(told).toEqual([['clock.cpu.rate', '1.2 GHz', 1.2e9]])
})

it("executes a page's requests, and replies with the operations' errors", async () => {
  const { page } = await openPage()
  expect(await page.request('set', { address: 'sensor.soc', value: '85C' })).toEqual({
    type: 'answer',
    id: 1,
    notified: [],
  })
  await until(() => page.shown('sensor.soc.value') === '85 °C', 'the value set')

  expect((await page.request('set', { address: 'clock.uart', value: '5 bananas' })).error).toBe(
    "clock.uart.rate can't be 5 bananas; allowed: 24 MHz",
  )
  expect((await page.request('set', { address: 'clock.art', value: '1' })).error).toMatch(/^there is no clock\.art; /)
  expect((await page.request('set', { address: 'clock.uart' })).error).toMatch(/^value: /)
  expect((await page.request('close', {})).error).toBe('there is no close')
  expect((await page.request('toString', {})).error).toBe('there is no toString')
  expect((await page.request('removeFault', { id: 7 })).error).toBe('there is no fault rule 7; there are none')

  const rule = { protocol: 'clock', message: 'CLOCK_RATE_GET', status: 'BUSY', times: 2 }
  expect((await page.request('addFault', { rule })).error).toBeUndefined()
  await until(() => page.ticks.some(tick => tick.faults?.length), 'the rule to show')
  expect(page.ticks.findLast(tick => tick.faults)?.faults).toEqual([{ id: 1, rule, hits: 0, held: 0, active: true }])
})

it('shows messages that pass the filter, with fields, times and statuses', async () => {
  const { page, socketPath } = await openPage()
  const guest = await connectGuest(socketPath)
  page.socket.send(JSON.stringify({ op: 'show', filter: { messages: ['CLOCK_RATE_GET'], failed: true } }))
  const shown = () => page.ticks.flatMap(tick => tick.messages ?? [])
  await until(() => page.ticks.length > 0, 'the first tick')
  await guest.send(CLOCK, CLOCK_RATE_GET, CPU)
  await guest.send(CLOCK, CLOCK_RATE_GET, 99)
  await until(() => shown().length > 0, 'the message')
  const [message] = shown()
  expect(shown()).toHaveLength(1)
  expect(message).toMatchObject({
    kind: 'command',
    protocol: 'clock',
    request: { clock_id: 99 },
    status_name: 'NOT_FOUND',
  })
  expect(message!.answered_us).toBeGreaterThanOrEqual(message!.arrived_us)
  const timeMs = page.hello!.epochMs + message!.arrived_us / 1000
  expect(Math.abs(timeMs - Date.now())).toBeLessThan(60_000)

  page.socket.send(JSON.stringify({ op: 'show', filter: null }))
  await page.request('set', { address: 'sensor.soc', value: 'auto' })
  const before = shown().length
  await guest.send(CLOCK, CLOCK_RATE_GET, 99)
  const ticks = page.ticks.length
  await page.request('set', { address: 'sensor.soc', value: '1C' })
  await until(() => page.ticks.length > ticks, 'another tick')
  expect(shown()).toHaveLength(before)

  page.socket.send(JSON.stringify({ op: 'show', filter: { messages: ['CLOCK_RATE_GETT'] } }))
  await until(() => page.socket.readyState === page.socket.CLOSED, 'a filter that our page does not send')
})

it('drops and counts messages that are too many for a page, and shows the rest', async () => {
  const { page, socketPath } = await openPage()
  const guest = await connectGuest(socketPath)
  page.socket.send(JSON.stringify({ op: 'show', filter: {} }))
  await page.request('set', { address: 'sensor.soc', value: '2C' })
  let sent = 0
  for (; total(page.ticks, 'omitted') < 2 * PER_SECOND; sent++) await guest.send(CLOCK, CLOCK_RATE_GET, CPU)
  await until(
    () => total(page.ticks, 'messages') + total(page.ticks, 'omitted') === sent,
    () => `${total(page.ticks, 'messages')} + ${total(page.ticks, 'omitted')} to be ${sent}`,
  )
})

it('a page that does not read is sent a bounded amount, then disconnected; the guest never waits', async () => {
  const clocks = [{ repeat: 8000, name: 'a_clock_with_a_name_that_is_fairly_long_{i}', rates: ['1 MHz', '2 MHz'] }]
  const { web, clients, socketPath, log, server } = await openRig({ clocks }, 3000)
  const guest = await connectGuest(socketPath)
  const cookie = await enter(web)
  const stuck = openSocket(web, { Origin: originOf(web), Cookie: cookie })
  const slow = openSocket(web, { Origin: originOf(web), Cookie: cookie })
  const heard: Tick[] = []
  slow.on('message', (bytes: Buffer) => heard.push(JSON.parse(bytes.toString())))
  for (const socket of [stuck, slow]) {
    await new Promise(resolve => socket.once('open', resolve))
    socket.send(JSON.stringify({ op: 'show', filter: {} }))
    socket.pause()
  }
  await until(() => server.tap.active, 'the pages to ask for messages')
  let sent = 0
  for (; sent < 3 * PER_SECOND; sent++) await guest.send(CLOCK, CLOCK_RATE_GET, CPU)
  slow.resume()
  for (; total(heard, 'omitted') === 0; sent++) await guest.send(CLOCK, CLOCK_RATE_GET, CPU)
  await until(() => total(heard, 'messages') + total(heard, 'omitted') === sent, 'all messages to be shown or counted')
  await until(() => log.at(-1) === 'ended a page: it had read nothing for 3 s', 'the other to be given up')
  expect(clients.ended.http).toBe(1)
}, 30_000)

it('a page that sends requests and reads no reply is not read any more, and disconnected', async () => {
  const { web, clients, log } = await openRig({}, 2000)
  const page = openSocket(web, { Origin: originOf(web), Cookie: await enter(web) })
  await new Promise(resolve => page.once('open', resolve))
  page.pause()
  // Each answer is as long as its request.
  const request = JSON.stringify({ op: 'set', id: 1, request: { address: 'x'.repeat(4000), value: '1' } })
  const REQUESTS = 10_000
  for (let i = 0; i < REQUESTS; i++) page.send(request)
  let most = 0
  await until(() => {
    most = Math.max(most, clients.waiting)
    return clients.ended.http === 1
  }, 'the page to be ended')
  expect(log.at(-1)).toBe('ended a page: it had read nothing for 2 s')
  // The limit of unread bytes, and the replies to requests that came in one piece.
  expect(most).toBeGreaterThan(1 << 20)
  expect(most).toBeLessThan(2 << 20)
}, 30_000)

/** Number of messages that the ticks show, or leave out. */
function total(ticks: readonly Tick[], what: 'messages' | 'omitted'): number {
  return ticks.reduce((sum, tick) => sum + ((what === 'messages' ? tick.messages?.length : tick.omitted) ?? 0), 0)
}
