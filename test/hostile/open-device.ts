/**
 * A device in its own process with all kinds of clients, and a guest that never stops sending. Measures what the clients
 * cause: the device's memory, the guest's latency, and whether well-behaved clients are still served.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { get as httpGet, type IncomingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ControlClient } from '../../src/access/control/client.js'
import { residentKb } from '../../src/bench/process-status.js'
import { RunningCommand } from '../cli/command.js'
import { BulkGuest } from '../torture/bulk-guest.js'
import { PLATFORM } from '../torture/commands.js'
import type { Attack } from './attackers.js'

/** Allowed growth under attack: what may wait for clients, their buffers, and garbage. */
const GROWTH_MAX_KB = 160 << 10
/** A guest that waits longer was starved, even on a very busy machine. */
const WAIT_MAX_MS = 10_000
/** Turns of the guest per turn of the event loop. */
const TURNS = 16

interface Reply {
  status: number | undefined
  headers: IncomingHttpHeaders
  body: string
}

export interface Siege {
  seconds: number
  /** Pause of the guest between two looks at its ring; default: none, it floods the device. */
  restMs?: number
  signal?: AbortSignal | undefined
}

export interface Withstood {
  /** Number of the attack's requests, calls or connections. */
  count: number
  answered: number
  growthKb: number
  /** The longest time for which the guest got no reply. */
  waitedMs: number
  failures: string[]
}

export class OpenDevice {
  readonly control: string
  readonly httpPort: number
  readonly metricsPort: number
  /** The session cookie of a browser. */
  readonly cookie: string
  readonly command: RunningCommand
  readonly #folder: string
  readonly #guest: BulkGuest

  private constructor(
    folder: string,
    command: RunningCommand,
    guest: BulkGuest,
    ports: [number, number],
    cookie: string,
  ) {
    this.#folder = folder
    this.command = command
    this.#guest = guest
    this.control = join(folder, 'control')
    ;[this.httpPort, this.metricsPort] = ports
    this.cookie = cookie
  }

  static async start(): Promise<OpenDevice> {
    const folder = mkdtempSync(join(tmpdir(), 'scmi-clients-'))
    const path = (name: string) => join(folder, name)
    writeFileSync(path('board.yaml'), PLATFORM)
    const words = ['--socket-path', path('socket'), '--platform', path('board.yaml'), '--control', path('control')]
    const command = new RunningCommand([...words, '--http', '0', '--metrics', '0'])
    const [link = ''] = await command.said(/http:\/\/\S+token=\S+/)
    const [, metrics] = await command.said(/metrics: http:\/\/[^:]+:(\d+)/)
    await command.said(/ready/)
    const { headers } = await get(link)
    const cookie = headers['set-cookie']![0]!.split(';', 1)[0]!
    const guest = new BulkGuest()
    await guest.connect(path('socket'))
    return new OpenDevice(folder, command, guest, [Number(new URL(link).port), Number(metrics)], cookie)
  }

  get origin(): string {
    return `http://127.0.0.1:${this.httpPort}`
  }

  /** Headers of a page's socket. */
  get pageHeaders(): Record<string, string> {
    return { Origin: this.origin, Cookie: this.cookie }
  }

  /** Runs the attacks for some seconds. */
  async withstand(start: () => Attack[], { seconds, restMs = 0, signal }: Siege): Promise<Withstood> {
    // Afterwards the code is compiled and the heap has reached its size.
    await this.#serve(2000, restMs, signal)
    const pid = this.command.child.pid!
    const before = residentKb(pid)
    const answeredBefore = this.#guest.answered
    const attacks = start()
    const failures: string[] = []
    const others = this.#others().then(
      () => undefined,
      (error: Error) => void failures.push(`other clients: ${error.message}`),
    )
    const { peakKb, waitedMs } = await this.#serve(seconds * 1000, restMs, signal)
    await others
    for (const attack of attacks) attack.end()
    const count = attacks.reduce((sum, attack) => sum + attack.count, 0)
    const growthKb = peakKb - before
    if (growthKb > GROWTH_MAX_KB) failures.push(`the device grew by ${growthKb >> 10} MiB`)
    if (waitedMs > WAIT_MAX_MS) failures.push(`the guest waited for ${Math.round(waitedMs)} ms`)
    if (this.command.child.exitCode !== null) failures.push(`the device has ended: ${this.command.stderr.slice(-500)}`)
    return { count, answered: this.#guest.answered - answeredBefore, growthKb, waitedMs, failures }
  }

  /** Lets the guest send for this time. */
  async #serve(
    ms: number,
    restMs: number,
    signal: AbortSignal | undefined,
  ): Promise<{ peakKb: number; waitedMs: number }> {
    const guest = this.#guest
    const pid = this.command.child.pid!
    let [peakKb, waitedMs, sampledMs] = [0, 0, 0]
    let { answered } = guest
    const beganMs = performance.now()
    for (let nowMs = beganMs, lastMs = beganMs; nowMs < beganMs + ms && !signal?.aborted; nowMs = performance.now()) {
      for (let i = 0; i < TURNS; i++) guest.turn(true)
      if (guest.answered > answered) lastMs = nowMs
      answered = guest.answered
      waitedMs = Math.max(waitedMs, nowMs - lastMs)
      if (nowMs > sampledMs + 20) {
        peakKb = Math.max(peakKb, residentKb(pid))
        sampledMs = nowMs
      }
      await (restMs > 0 ? sleep(restMs) : new Promise(setImmediate))
    }
    return { peakKb, waitedMs }
  }

  /** Checks that each service still serves well-behaved clients. */
  async #others(): Promise<void> {
    await sleep(1500)
    const { status } = await get(`http://127.0.0.1:${this.metricsPort}/metrics`)
    if (status !== 200) throw new Error(`metrics: status ${status}`)
    const page = await get(`${this.origin}/`, { Cookie: this.cookie })
    if (page.status !== 200) throw new Error(`page: status ${page.status}`)
    const client = await ControlClient.open(this.control)
    await client.call('getStats', undefined)
    client.close()
  }

  /** The text of the metrics. */
  async scrape(): Promise<string> {
    return (await get(`http://127.0.0.1:${this.metricsPort}/metrics`)).body
  }

  /** Stops the device. Returns what was wrong, if anything. */
  async close(): Promise<string[]> {
    this.#guest.guest.close()
    const code = await this.command.stop()
    rmSync(this.#folder, { recursive: true })
    return code === 0 ? [] : [`the device ended with ${code}`]
  }
}

/** Tries again when the connection is ended, as browsers and scrapers do. */
async function get(url: string, headers: Record<string, string> = {}): Promise<Reply> {
  for (let left = 5; ; left--) {
    try {
      return await new Promise((resolve, reject) => {
        const request = httpGet(url, { headers, agent: false, timeout: 10_000 }, response => {
          let body = ''
          response.on('data', data => (body += data))
          response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }))
        })
        request.on('timeout', () => request.destroy(new Error(`${url}: no answer within 10 s`)))
        request.on('error', reject)
      })
    } catch (error) {
      if (left === 0) throw error
    }
  }
}
