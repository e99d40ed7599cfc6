/** The page in a real browser with much to show, and when the device goes away; mock drivers act as guests. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { measure } from '../../src/bench/front-end.js'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { inFolder, RunningCommand } from '../cli/command.js'
import { Guest } from '../driver/guest.js'
import { CLOCK_READER } from '../support/clock-reader.js'
import { expectQuiet, TestBrowser, type View } from './browser.js'

const LIMIT_MS = 240_000
const CLOCK = 0x14
const CLOCK_RATE_GET = 0x6
/** Visible rows and some beyond, on a screen of 900 pixels. */
const ROWS_MAX = 60
/** More messages than a page shows while they are sent. */
const BURST = 5000

/** Script: milliseconds between two frames, the most in 2 s. */
const LONGEST_FRAME = `new Promise(resolve => {
  const start = performance.now()
  let last = start
  let longest = 0
  const look = now => {
    longest = Math.max(longest, now - last)
    last = now
    if (now < start + 2000) requestAnimationFrame(look)
    else resolve(Math.round(longest))
  }
  requestAnimationFrame(look)
})`

let browser: TestBrowser
beforeAll(async () => {
  browser = await TestBrowser.launch()
}, LIMIT_MS)
afterAll(() => browser.close())

/** The link that a device printed last. */
const linkOf = (device: RunningCommand): string => device.stderr.match(/http:\S+/g)!.at(-1)!

async function startDevice(folder: string, platform: string, port = '0'): Promise<RunningCommand> {
  const device = new RunningCommand(['--socket-path', join(folder, 'socket'), '--platform', platform, '--http', port])
  onTestFinished(async () => void (await device.stop('SIGKILL')))
  await device.said(/ready: /)
  return device
}

it(
  'draws only the visible rows of 1,756 resources, and says how many messages it leaves out',
  () =>
    inFolder(async folder => {
      const device = await startDevice(folder, 'large')
      const view = await browser.open(linkOf(device))
      const resources = view.page.getByRole('region', { name: 'Resources' })
      const grid = resources.getByRole('treegrid')
      await resources.getByText('1756', { exact: true }).waitFor()
      expect(await grid.getAttribute('aria-rowcount')).toBe('1757')
      expect(await grid.getByRole('row').count()).toBeLessThan(ROWS_MAX)
      await grid.press('End')
      await grid.press('End')
      const last = grid.getByRole('row').last()
      expect(await last.getAttribute('aria-rowindex')).toBe('1757')
      expect(await last.getByRole('gridcell').nth(1).textContent()).not.toBe('')
      await resources.getByLabel('Filter resources').fill('sensor core_99')
      await resources.getByText('1 of 1756').waitFor()

      const guest = new Guest()
      onTestFinished(() => guest.close())
      await guest.connect(FrontEnd.connect(join(folder, 'socket')))
      const omitted = view.page.getByText(/more, not shown: they come faster than 200 a second/).first()
      for (let i = 0; i < BURST; i++) await guest.send(CLOCK, CLOCK_RATE_GET, i % 1000)
      await omitted.waitFor()
      await view.page.getByRole('button', { name: 'Pause' }).click()
      await resources.getByLabel('Filter resources').fill('')
      await browser.shoot(view, 'large')
      expect(await view.page.getByRole('treegrid', { name: 'Messages' }).getByRole('row').count()).toBeLessThan(
        ROWS_MAX,
      )
      expectQuiet(view)
    }),
  LIMIT_MS,
)

it(
  'stays usable while messages come as fast as a front end can send them, and says how many it leaves out',
  () =>
    inFolder(async folder => {
      const device = await startDevice(folder, 'demo')
      const view = await browser.open(linkOf(device))
      const { page } = view
      const stop = new AbortController()
      const timing = { warmupMs: 0, measureMs: LIMIT_MS }
      let isOver = false
      const flood = measure([join(folder, 'socket')], CLOCK_READER, timing, stop.signal).finally(() => {
        isOver = true
      })
      const ended = expect(flood).rejects.toThrow('abort')
      await page
        .getByText(/more, not shown: they come faster than 200 a second/)
        .first()
        .waitFor()

      const rate = page.getByLabel('Set clock.i2c0.rate')
      const resources = page.getByRole('treegrid', { name: 'Resources' })
      for (const text of ['10 MHz', '30 MHz', '40 MHz']) {
        await rate.fill(text)
        await rate.press('Enter')
        await resources.getByRole('row').filter({ hasText: 'i2c0' }).getByText(text, { exact: true }).waitFor()
      }
      const messages = page.getByRole('treegrid', { name: 'Messages' })
      await page.getByRole('button', { name: 'Pause' }).click()
      await messages.getByRole('row').filter({ hasText: 'CLOCK_RATE_GET' }).last().click()
      await messages.getByText('request', { exact: true }).first().waitFor()
      await page.getByRole('button', { name: 'Resume' }).click()
      const perSecond = await page.getByRole('region', { name: 'Agents' }).getByRole('cell').first().textContent()
      console.log(`${perSecond} messages/s, longest frame of 2 s: ${await page.evaluate(LONGEST_FRAME)} ms`)
      await browser.shoot(view, 'flood')
      // The flood lasted until here.
      expect(isOver).toBe(false)
      stop.abort()
      await ended
      expectQuiet(view)
    }),
  LIMIT_MS,
)

it(
  'continues after a dropped connection, and says when the device was restarted',
  () =>
    inFolder(async folder => {
      const device = await startDevice(folder, 'demo')
      const { port } = new URL(linkOf(device))
      const road = await Road.open(Number(port))
      const view = await browser.open(linkOf(device).replace(`:${port}`, `:${road.port}`))
      const says = (text: string | RegExp) => view.page.getByRole('banner').getByText(text).waitFor()
      road.block()
      await says('Disconnected. The device does not answer. Trying again…')
      await browser.shoot(view, 'disconnected')
      await view.page.getByLabel('Set clock.i2c0.rate').fill('1 MHz')
      await view.page.getByLabel('Set clock.i2c0.rate').press('Enter')
      await view.page.getByRole('alert').getByText('not connected to the device').waitFor()
      road.unblock()
      await says('Live')

      await device.stop('SIGKILL')
      await says(/^Disconnected\. /)
      const next = await startDevice(folder, 'demo', port)
      await says('Disconnected. The device was restarted: open the link that it printed.')
      expect(await second(next, view)).toBe('Live')
    }),
  LIMIT_MS,
)

/** What the page of a new link shows in the browser that had the old one. */
async function second(device: RunningCommand, { page }: View): Promise<string | null> {
  await page.goto(linkOf(device))
  const live = page.getByText('Live', { exact: true })
  await live.waitFor()
  return live.textContent()
}

/** A proxy to a port, whose connections can be cut. */
class Road {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #isBlocked = false

  private constructor(port: number) {
    this.#server = createServer(near => {
      if (this.#isBlocked) {
        near.destroy()
        return
      }
      const far = connect(port, '127.0.0.1')
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from)
        from.on('error', () => to.destroy())
        from.on('close', () => to.destroy())
        from.pipe(to)
      }
    })
  }

  static async open(port: number): Promise<Road> {
    const road = new Road(port)
    await new Promise<void>(resolve => road.#server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      road.block()
      road.#server.close()
    })
    return road
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  block(): void {
    this.#isBlocked = true
    for (const socket of this.#sockets) socket.destroy()
    this.#sockets.clear()
  }

  unblock(): void {
    this.#isBlocked = false
  }
}
