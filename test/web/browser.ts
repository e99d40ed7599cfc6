/** A headless browser, and its pages' requests and errors. */
import { mkdtempSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { expect } from 'vitest'
import { findProgram, requireTools, TOOLS } from '../../qemu/support/tools.js'

const STEP_LIMIT_MS = 60_000

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

export interface View {
  page: Page
  /** URLs of everything that the page requested, sockets included. */
  requests: string[]
  /** Errors of scripts and of the browser, such as a violated Content-Security-Policy. */
  errors: string[]
}

export class TestBrowser {
  /** Where screenshots go. */
  readonly folder = mkdtempSync(join(tmpdir(), 'scmi-web-shots-'))
  readonly #browser: Browser

  private constructor(browser: Browser) {
    this.#browser = browser
    console.log(`screenshots: ${this.folder}`)
  }

  static async launch(): Promise<TestBrowser> {
    requireTools('browser')
    // In containers, Chromium's sandbox lacks the rights it needs, and shared memory is often too small.
    const args = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu']
    return new TestBrowser(await chromium.launch({ executablePath: findProgram(TOOLS.browser.command)!, args }))
  }

  /** Opens a link in a browser of its own, with its own cookies. */
  async open(link: string, options: Parameters<Browser['newContext']>[0] = {}): Promise<View> {
    const context = await this.#browser.newContext({ viewport: { width: 1440, height: 900 }, ...options })
    context.setDefaultTimeout(STEP_LIMIT_MS)
    const view = watch(await context.newPage(), context)
    await view.page.goto(link)
    await view.page.getByText('Live', { exact: true }).waitFor()
    return view
  }

  async shoot({ page }: View, name: string, fullPage = false): Promise<void> {
    await page.screenshot({ path: join(this.folder, `${name}.png`), fullPage })
  }

  async close(): Promise<void> {
    await this.#browser.close()
  }
}

function watch(page: Page, context: BrowserContext): View {
  const requests: string[] = []
  const errors: string[] = []
  context.on('request', request => requests.push(request.url()))
  page.on('websocket', socket => requests.push(socket.url()))
  page.on('pageerror', error => errors.push(error.message))
  page.on('console', message => {
    if (message.type() === 'error' || message.type() === 'warning') errors.push(message.text())
  })
  return { page, requests, errors }
}

/** Violations of accessibility rules: WCAG 2.2, levels A and AA. */
export async function inaccessible(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  return page.evaluate(async () => {
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
    const { violations } = await (globalThis as unknown as AxeWindow).axe.run({ runOnly: tags })
    return violations.flatMap(({ id, help, nodes }) => nodes.map(node => `${id}: ${help}: ${node.html}`))
  })
}

interface AxeWindow {
  axe: {
    run(options: {
      runOnly: string[]
    }): Promise<{ violations: { id: string; help: string; nodes: { html: string }[] }[] }>
  }
}

/** Checks that the page requested nothing from elsewhere, and had no errors. */
export function expectQuiet({ page, requests, errors }: View): void {
  const { host } = new URL(page.url())
  expect(requests.filter(url => new URL(url).host !== host)).toEqual([])
  expect(errors).toEqual([])
}
