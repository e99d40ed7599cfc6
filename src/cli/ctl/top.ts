/** `ctl top`: polls the device and draws a full-screen view. */
import { setTimeout } from 'node:timers/promises'
import { type Instance, render } from 'ink'
import { createElement } from 'react'
import type { ControlClient } from '../../access/control/client.js'
import type { Readings, StatsEntry } from '../../access/operations/shapes.js'
import { OperatorError } from '../../support/errors.js'
import { ENDING_SIGNALS } from '../signals.js'
import { type MessageRate, messageRates } from './rates.js'
import { type CtlOptions, withDevice } from './session.js'
import { type Change, Screen, type View } from './top-view.js'

/** The terminal's alternate screen: the previous content comes back afterwards. */
const ENTER_SCREEN = '\x1b[?1049h\x1b[H'
const LEAVE_SCREEN = '\x1b[?1049l'
const CLEAR_SCROLLED = '\x1b[3J'

const INTERVAL_MIN_MS = 100

/** Values per resource in its curve. */
const HISTORY = 24

export async function top(options: CtlOptions & { interval: number }): Promise<void> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new OperatorError('top needs a terminal; without one use `ctl stats --json` and `ctl watch --json`')
  }
  await withDevice(options, async client => {
    const viewer = await Viewer.open(client, Math.max(options.interval, INTERVAL_MIN_MS))
    const leave = () => void process.stdout.write(LEAVE_SCREEN)
    process.stdout.write(ENTER_SCREEN)
    process.once('exit', leave)
    try {
      await viewer.run()
    } finally {
      process.off('exit', leave)
      leave()
    }
  })
}

/** A property, and when it changed, if it has. */
type Seen = Omit<Change, 'agoS'> & { changedMs: number | undefined }

class Viewer {
  readonly #client: ControlClient
  readonly #intervalMs: number
  readonly #properties = new Map<string, Seen>()
  readonly #title: string
  #stats: StatsEntry
  #lookedMs = performance.now()

  private constructor(client: ControlClient, intervalMs: number, title: string, stats: StatsEntry) {
    this.#client = client
    this.#intervalMs = intervalMs
    this.#title = title
    this.#stats = stats
  }

  static async open(client: ControlClient, intervalMs: number): Promise<Viewer> {
    const { vendor, sub_vendor } = await client.call('describe', undefined)
    const title = [vendor, sub_vendor].filter(Boolean).join(':')
    return new Viewer(client, intervalMs, title, await client.call('getStats', undefined))
  }

  /** Runs until the user quits. Throws FailedError when the device is gone. */
  async run(): Promise<void> {
    const app = render(createElement(Screen, this.#view([])), { patchConsole: false, stdout: screen() })
    const abort = new AbortController()
    const end = () => app.unmount()
    // Ctrl-C is a signal until the view reads the keys.
    for (const signal of ENDING_SIGNALS) process.once(signal, end)
    // Clears before ink redraws: ink erases only what it drew itself.
    process.stdout.prependListener('resize', clear)
    const working = Promise.all([this.#look(app, abort.signal), this.#watch(abort.signal)])
    try {
      await Promise.race([app.waitUntilExit(), working])
    } finally {
      abort.abort()
      app.unmount()
      for (const signal of ENDING_SIGNALS) process.off(signal, end)
      process.stdout.off('resize', clear)
    }
  }

  async #look(app: Instance, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await setTimeout(this.#intervalMs, undefined, { signal }).catch(ended)
      const stats = await this.#client.call('getStats', undefined)
      const nowMs = performance.now()
      const rates = messageRates(this.#stats, stats, (nowMs - this.#lookedMs) / 1000)
      this.#stats = stats
      this.#lookedMs = nowMs
      if (!signal.aborted) app.rerender(createElement(Screen, this.#view(rates)))
    }
  }

  #view(rates: MessageRate[]): View {
    const nowMs = performance.now()
    const changes = [...this.#properties.values()]
      .flatMap(({ changedMs, ...property }) =>
        changedMs === undefined ? [] : [{ ...property, agoS: Math.floor((nowMs - changedMs) / 1000) }],
      )
      .sort((a, b) => a.agoS - b.agoS || a.address.localeCompare(b.address))
    const events = this.#stats.agents.reduce((sum, agent) => sum + agent.notifications_sent, 0)
    return { title: this.#title, rates, events, changes }
  }

  #watch(signal: AbortSignal): Promise<void> {
    return this.#client.stream('watch', { interval_ms: this.#intervalMs }, readings => this.#note(readings), signal)
  }

  #note({ readings }: Readings): void {
    for (const { address, number, shown } of readings) {
      const known = this.#properties.get(address)
      // The first value of a property is not a change.
      const changedMs = known ? performance.now() : undefined
      const numbers = [...(known?.numbers ?? []), ...(number === undefined ? [] : [number])].slice(-HISTORY)
      this.#properties.set(address, { address, shown, changedMs, numbers })
    }
  }
}

/** Standard output without clearing of the scrollback, which ink would do. */
function screen(): NodeJS.WriteStream {
  const write = (text: string, done?: () => void): boolean =>
    process.stdout.write(text.replaceAll(CLEAR_SCROLLED, ''), done)
  return Object.assign(Object.create(process.stdout) as NodeJS.WriteStream, { write })
}

function clear(): void {
  process.stdout.write('\x1b[2J\x1b[H')
}

/** Ignores the error of an interrupted wait. */
function ended(error: Error): void {
  if (error.name !== 'AbortError') throw error
}
