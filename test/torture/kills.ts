/**
 * `kill -9` of the back end under load, and a start of the next one, again and again: with an inflight region and without
 * one, as under QEMU.
 */
import { closeSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { startProgress } from '../../src/support/progress.js'
import { Random } from '../driver/random.js'
import { sys } from '../driver/syscalls.js'
import { BackEnd } from './back-end.js'
import { PLATFORM } from './commands.js'
import { CrashGuest } from './crash-guest.js'
import { type Result, timed } from './result.js'

const DEPTH = 24
/** Longest life of a back end after its first reply. */
const LIFE_MAX_MS = 40
/** Once in so many kills the guest pauses to check that its subscription still holds. */
const PAUSE_EVERY = 8

export interface KillOptions {
  /** With an inflight region, and as many without. */
  count: number
  seed: number
  signal?: AbortSignal
}

export async function kills(options: KillOptions): Promise<Result[]> {
  const results: Result[] = []
  for (const tracked of [false, true]) {
    const ways = tracked ? 'with' : 'without'
    const what = `kills under load ${ways} an inflight region`
    results.push(await timed('kills', what, () => killInARow(tracked, what, options)))
  }
  return results
}

async function killInARow(
  tracked: boolean,
  what: string,
  { count, seed, signal }: KillOptions,
): Promise<Omit<Result, 'part' | 'what' | 'seconds'>> {
  const folder = mkdtempSync(join(tmpdir(), 'scmi-kills-'))
  const random = new Random(seed)
  const site = new Site(folder)
  const guest = new CrashGuest(random, tracked)
  const progress = startProgress('kills')
  const failures: string[] = []
  let killed = 0
  try {
    await guest.connect(await site.frontEnd())
    for (; killed < count && !signal?.aborted; killed++) {
      const resumedAt = guest.answered
      await guest.traffic(DEPTH, () => guest.answered > resumedAt)
      const end = performance.now() + random.below(LIFE_MAX_MS)
      await guest.traffic(DEPTH, () => performance.now() >= end)
      if (killed % PAUSE_EVERY === 0) await guest.checkSubscription()
      await guest.traffic(DEPTH, () => random.once(3))
      const next = site.kill()
      // The old back end may have replied until it died: read the used rings only now.
      guest.guest.disconnect()
      await guest.connect(await next)
      progress.update(what, killed / count, `${killed} kills, ${guest.answered} messages`)
    }
    await guest.checkSubscription()
  } catch (error) {
    failures.push(`${what}, kill ${killed}: ${(error as Error).message}`)
  } finally {
    progress.stop()
    guest.close()
    failures.push(...(await site.close()))
    rmSync(folder, { recursive: true })
  }
  const detail = `${guest.answered} answers and ${guest.delayed} delayed responses compared`
  return { count: killed, seed, failures, detail }
}

/** Runs the back end, and listens like QEMU with server=on. */
class Site {
  readonly #backEnd: BackEnd
  readonly #listener: number

  constructor(folder: string) {
    const socket = join(folder, 'scmi.sock')
    writeFileSync(join(folder, 'platform.yaml'), PLATFORM)
    this.#listener = sys.listen(socket)
    this.#backEnd = new BackEnd(['--connect', socket, '--platform', 'platform.yaml', '--state', 'state'], folder)
  }

  /** The back end's next connection. */
  async frontEnd(): Promise<FrontEnd> {
    let socket = -1
    await this.#backEnd.until(() => {
      socket = sys.accept(this.#listener)
      return socket >= 0
    }, 'the back end to connect')
    return new FrontEnd(socket)
  }

  /** Kills the back end and starts another. */
  async kill(): Promise<FrontEnd> {
    await this.#backEnd.replace()
    return this.frontEnd()
  }

  async close(): Promise<string[]> {
    const failures = await this.#backEnd.close()
    closeSync(this.#listener)
    return failures
  }
}
