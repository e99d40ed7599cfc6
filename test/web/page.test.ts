/** The page in a real browser, on a device of its own process, with a real guest. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { boot } from '../../qemu/boot/boot.js'
import type { Guest } from '../../qemu/guest/guest.js'
import { nextNotification } from '../../qemu/guest/view/drivers.js'
import { readHwmon } from '../../qemu/guest/view.js'
import { RunningCommand } from '../cli/command.js'
import { KERNEL_LIMIT_MS, testKernel } from '../guest/kernel.js'
import { expectQuiet, inaccessible, TestBrowser, type View } from './browser.js'

const LIMIT_MS = 240_000
const CLOCK = 0x14
const CLOCK_RATE_SET = 0x5
const CLOCK_RATE_GET = 0x6
/** Ids of the preset demo. */
const CPU = 3
const UART0 = 6
const BUSY = -6

/** A device with the web view, in its own process, and a guest on it. */
class Site {
  readonly #folder = mkdtempSync(join(tmpdir(), 'scmi-web-'))
  readonly device: RunningCommand
  guest!: Guest

  private constructor(platform: string) {
    this.device = new RunningCommand(['--socket-path', this.#socketPath, '--platform', platform, '--http', '0'])
  }

  static async open(platform: string): Promise<Site> {
    const site = new Site(platform)
    try {
      await site.device.said(/ready: /)
      site.guest = await boot({ kernel: await testKernel(), platform, socketPath: site.#socketPath, cpus: 1 })
      return site
    } catch (error) {
      await site.close()
      throw error
    }
  }

  get #socketPath(): string {
    return join(this.#folder, 'socket')
  }

  /** The link that the device printed last. */
  get link(): string {
    return this.device.stderr.match(/http:\S+/g)!.at(-1)!
  }

  async close(): Promise<void> {
    await Promise.all([this.guest?.kill(), this.device.stop()])
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

let browser: TestBrowser
let site: Site
let guest: Guest
let view: View
let page: Page

beforeAll(async () => {
  ;[site, browser] = await Promise.all([Site.open('demo'), TestBrowser.launch()])
  guest = site.guest
  view = await browser.open(site.link)
  page = view.page
}, KERNEL_LIMIT_MS)

afterAll(async () => {
  await Promise.all([browser?.close(), site?.close()])
})

/** The row of a resource, property or message, by its first words. */
function row(name: string, table = 'Resources'): Locator {
  return page.getByRole('treegrid', { name: table }).getByRole('row').filter({ hasText: name }).first()
}

function panel(name: string): Locator {
  return page.getByRole('region', { name })
}

async function shows(locator: Locator, text: string | RegExp): Promise<void> {
  await locator.filter({ hasText: text }).first().waitFor()
}

describe('with a guest', () => {
  it(
    'shows agents, resources with their units, and the guest’s changes',
    async () => {
      await shows(panel('Agents').getByRole('row', { name: /guest/ }), /guest/)
      await panel('Agents').getByRole('img', { name: 'connected', exact: true }).waitFor()
      await shows(row('xtal'), '24 MHz')
      await shows(row('cpu'), '1.008 GHz')
      await shows(row('soc_temp'), /\d °C/)
      expect((await guest.scmi(CLOCK, CLOCK_RATE_SET, [0, CPU, 600e6, 0])).status).toBe(0)
      await shows(row('cpu'), '600 MHz')
      await shows(page.getByRole('figure').filter({ hasText: 'Messages per second' }), /clock/)
    },
    LIMIT_MS,
  )

  it(
    'sets what the guest reads; an error is shown beside the control',
    async () => {
      const entry = page.getByLabel('Set sensor.soc_temp.value')
      await entry.fill('85 C')
      await entry.press('Enter')
      await shows(row('soc_temp'), '85 °C')
      expect((await readHwmon(guest)).find(reading => reading.name === 'soc_temp')).toMatchObject({ value: 85 })

      await entry.fill('hot')
      await entry.press('Enter')
      await shows(
        row('soc_temp').getByRole('alert'),
        /sensor\.soc_temp\.value can't be hot; allowed: a number of °C, C, or auto/,
      )
      await browser.shoot(view, 'error')
      await entry.fill('auto')
      await entry.press('Enter')
      await row('soc_temp').getByRole('alert').waitFor({ state: 'detached' })
    },
    LIMIT_MS,
  )

  it(
    'filters messages, and opens one to its fields',
    async () => {
      const messages = panel('Messages')
      await messages.getByLabel('Protocol').selectOption('clock')
      await messages.getByLabel('Message', { exact: true }).selectOption('CLOCK_RATE_GET')
      await messages.getByRole('button', { name: 'Clear' }).click()
      await guest.scmi(CLOCK, CLOCK_RATE_SET, [0, CPU, 816e6, 0])
      expect((await guest.scmi(CLOCK, CLOCK_RATE_GET, [CPU])).words).toEqual([816e6, 0])
      await shows(row('CLOCK_RATE_GET', 'Messages'), 'clock_id 3 → rate 816000000')
      await row('CLOCK_RATE_GET', 'Messages').click()
      await shows(row('request', 'Messages'), 'clock_id')
      await shows(row('reply', 'Messages'), '816000000 0x30a32c00')
      expect(await page.getByText('CLOCK_RATE_SET', { exact: true }).locator('visible=true').count()).toBe(0)
      await messages.getByRole('button', { name: 'Resume' }).click()
      await messages.getByLabel('Message', { exact: true }).selectOption('message')
    },
    LIMIT_MS,
  )

  it(
    'sends a notification, and the guest receives it',
    async () => {
      const form = page.getByRole('group').filter({ hasText: 'Send a notification' })
      await form.getByLabel('Protocol').selectOption('clock')
      await form.getByLabel('Notification').selectOption('CLOCK_RATE_CHANGED')
      await form.getByLabel('clock_id').fill(String(UART0))
      await form.getByLabel('rate', { exact: true }).fill('48e6')
      await form.getByRole('button', { name: 'Send' }).click()
      await browser.shoot(view, 'notification')
      await shows(form.getByRole('status'), 'Sent to guest.')
      expect(await nextNotification(guest, CLOCK, 0x0)).toEqual([0, UART0, 48e6, 0])
    },
    LIMIT_MS,
  )

  it(
    'adds a fault, which the guest meets once; shows its hit, and removes it',
    async () => {
      const faults = panel('Faults')
      await faults.getByLabel('Protocol').selectOption('clock')
      await faults.getByLabel('Name').selectOption('CLOCK_RATE_GET')
      await faults.getByLabel('Fields').fill(`clock_id=${CPU}`)
      await faults.getByLabel('Does').selectOption('answer with status')
      await faults.getByLabel('Status').selectOption('BUSY')
      await faults.getByRole('button', { name: 'Add fault' }).click()
      const rule = faults.getByRole('listitem')
      await shows(rule, 'clock CLOCK_RATE_GET clock_id=3: status BUSY (1×)')
      expect((await guest.scmi(CLOCK, CLOCK_RATE_GET, [UART0])).status).toBe(0)
      expect((await guest.scmi(CLOCK, CLOCK_RATE_GET, [CPU])).status).toBe(BUSY)
      expect((await guest.scmi(CLOCK, CLOCK_RATE_GET, [CPU])).status).toBe(0)
      await shows(rule, '1 hit, spent')
      await shows(row('BUSY', 'Messages'), 'CLOCK_RATE_GET')
      await browser.shoot(view, 'fault')

      await faults.getByLabel('Probability').fill('2')
      await faults.getByRole('button', { name: 'Add fault' }).click()
      await shows(faults.getByRole('alert'), /probability/)
      await faults.getByRole('button', { name: 'Remove rule 1' }).click()
      await rule.waitFor({ state: 'detached' })
    },
    LIMIT_MS,
  )

  it(
    'is usable by keyboard alone',
    async () => {
      await page.reload()
      await shows(row('uart0'), '24 MHz')
      const press = async (...keys: string[]) => {
        for (const key of keys) await page.keyboard.press(key)
      }
      const focused = () => page.evaluate('document.activeElement.ariaLabel')
      await press('Tab')
      expect(await focused()).toBe('Filter resources')
      await page.keyboard.type('uart0')
      await press('Tab', 'Tab')
      expect(await focused()).toBe('Resources')
      await press('ArrowDown', 'ArrowRight', 'ArrowDown', 'Enter')
      expect(await focused()).toBe('Set clock.uart0.rate')
      // Waits for the field's value, which arrives after its choices.
      await expect.poll(() => page.locator(':focus').inputValue()).toBe('24 MHz')
      await press('ArrowDown')
      await expect.poll(async () => (await guest.scmi(CLOCK, CLOCK_RATE_GET, [UART0])).words).toEqual([48e6, 0])
      await browser.shoot(view, 'keyboard')
      await press('Escape')
      expect(await focused()).toBe('Resources')
      await press('ArrowUp', 'ArrowLeft')
      expect(await page.getByLabel('Set clock.uart0.enabled').count()).toBe(0)
      await page.getByLabel('Filter resources').fill('')
    },
    LIMIT_MS,
  )

  it.each([
    ['light', { width: 1440, height: 900 }],
    ['dark', { width: 1440, height: 900 }],
    ['light', { width: 1024, height: 768 }],
    ['dark', { width: 390, height: 844 }],
  ] as const)(
    'is %s like the system, fits %j, and breaks no rule of accessibility',
    async (colorScheme, size) => {
      await page.setViewportSize(size)
      await page.emulateMedia({ colorScheme })
      const ground = await page.evaluate('getComputedStyle(document.documentElement).backgroundColor')
      expect(ground).toBe(colorScheme === 'dark' ? 'rgb(18, 21, 24)' : 'rgb(243, 245, 247)')
      await expect.poll(() => page.evaluate('document.documentElement.scrollWidth')).toBe(size.width)
      expect(await inaccessible(page)).toEqual([])
      await browser.shoot(view, `${colorScheme}-${size.width}`, true)
    },
    LIMIT_MS,
  )

  it('requests everything from the device', () => {
    expectQuiet(view)
    expect(view.requests.some(url => url.startsWith('ws:'))).toBe(true)
  })

  it(
    'powers the guest off in order, and shows that it is gone',
    async () => {
      const other = await Site.open('everything')
      try {
        const view = await browser.open(other.link)
        const form = view.page.getByRole('group').filter({ hasText: 'System power' })
        await form.getByText('System power').click()
        await form.getByRole('button', { name: 'Request' }).click()
        await shows(form.getByRole('status'), 'Sent to guest.')
        await browser.shoot(view, 'power')
        await other.guest.waitForConsole(/Serving shutdown\/reboot request: 0/, LIMIT_MS)
        expect(await other.guest.vm.exited).toBe('QEMU exited with status 0')
        expect(other.guest.console).toMatch(/reboot: Power down/)
        await view.page.getByRole('img', { name: 'not connected', exact: true }).waitFor()
        expectQuiet(view)
      } finally {
        await other.close()
      }
    },
    LIMIT_MS,
  )

  it(
    'says when the device hangs, and continues with it',
    async () => {
      site.device.child.kill('SIGSTOP')
      await shows(page.getByRole('banner'), 'Disconnected? Nothing came from the device for some seconds.')
      site.device.child.kill('SIGCONT')
      await shows(page.getByRole('banner'), 'Live')
    },
    LIMIT_MS,
  )
})
