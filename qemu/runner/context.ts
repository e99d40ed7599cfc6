/**
 * What a scenario works with: its guest and the guest file's functions, QEMU, the devices, and expectations. An
 * expectation says what the kernel must do and why; the first that is not met ends the scenario.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect, isDeepStrictEqual } from 'node:util'
import type { Device } from '../../src/device/device.js'
import type { Server } from '../devices/device.js'
import type { Guest, RunLimits } from '../guest/guest.js'
import { guestLibrary } from '../guest/image.js'
import type { Qmp } from '../machine/qmp.js'
import { GuestError, LabError, WorkError } from '../support/errors.js'
import { shellLine } from '../support/process.js'
import type { Slots } from './slots.js'

/** Where the guest has the scenario's own functions. */
export const GUEST_SCENARIO = '/lib/scenario.sh'

/** How long a call may take, unless it says. */
const CALL_LIMIT_MS = 30_000

/** How often a condition is looked at: soon at first, then more and more rarely, as looking costs the guest time. */
const FIRST_LOOK_MS = 20
const LOOK_GROWTH = 1.5
const LAST_LOOK_MS = 500

export interface Expectation<T> {
  /** Why the kernel must do so: the function of the driver, or the section of the specification. */
  because: string
  /** Finds out what is. */
  got: () => T | Promise<T>
  /** What must be: an equal value, a pattern in a text, or a test. */
  is: T | RegExp | ((got: T) => boolean)
  /** Looks again until it is so, for this long; default: once. */
  withinMs?: number
}

/** What the kernel did not do, and why it should have. */
export class UnmetExpectation extends WorkError {
  override name = 'UnmetExpectation'
  readonly what: string
  readonly because: string
  readonly said: string

  constructor(what: string, because: string, said: string, options?: ErrorOptions) {
    super(`${what}: ${said}`, options)
    this.what = what
    this.because = because
    this.said = said
  }
}

/** An error's own words. One that is none of the lab's is a bug, of a scenario perhaps, and comes with its stack. */
export function saidBy(error: Error): string {
  if (error instanceof GuestError) return error.summary
  return error instanceof LabError ? error.message : (error.stack ?? error.message)
}

export interface ContextParts {
  guest: Guest
  slots: Slots
  /** Whether each device is plugged in, in the machine's order. */
  plugged: boolean[]
  /** What limits are multiplied with: 1 where guests run as fast as usual, more on a busy machine or a slow kernel. */
  patience: number
  onStep: (text: string) => void
  /** Gives a guest that has just booted what it needs for the scenario. */
  prepare: () => Promise<void>
}

export class Context {
  readonly guest: Guest
  readonly #slots: Slots
  readonly plugged: boolean[]
  readonly patience: number
  readonly #onStep: (text: string) => void
  readonly #prepare: () => Promise<void>

  constructor({ guest, slots, plugged, patience, onStep, prepare }: ContextParts) {
    this.guest = guest
    this.#slots = slots
    this.plugged = plugged
    this.patience = patience
    this.#onStep = onStep
    this.#prepare = prepare
  }

  get qmp(): Qmp {
    return this.guest.qmp
  }

  /** The servers of the machine's devices: platform and device of each. */
  get servers(): readonly Server[] {
    return this.guest.servers
  }

  /** The only server. */
  get server(): Server {
    return this.servers[0]!
  }

  /** The only device, with its stats. */
  get device(): Device {
    return this.server.device
  }

  /** Says what comes now: to people, and in the guest's log, so that its lines can be put into place. */
  async step(text: string): Promise<void> {
    this.#onStep(text)
    await this.guest.writeFile('/dev/kmsg', `lab: ${text}\n`)
  }

  /** Runs a function of the guest file, or of lab.sh; resolves with what it printed. A status other than 0 is an error. */
  async call(name: string, args: (string | number)[] = [], limits: RunLimits = {}): Promise<string> {
    return (await this.guest.check(lineOf(name, args), this.#patient(limits))).trim()
  }

  /** The same for a function that may fail: resolves with its exit status. */
  async status(name: string, args: (string | number)[] = [], limits: RunLimits = {}): Promise<number> {
    return (await this.guest.run(lineOf(name, args), this.#patient(limits))).status
  }

  #patient({ timeoutMs = CALL_LIMIT_MS, ...rest }: RunLimits): RunLimits {
    return { ...rest, timeoutMs: timeoutMs * this.patience }
  }

  async expect<T>(what: string, { because, got, is, withinMs = 0 }: Expectation<T>): Promise<T> {
    const deadline = performance.now() + withinMs * this.patience
    for (let pauseMs = FIRST_LOOK_MS; ; pauseMs = Math.min(pauseMs * LOOK_GROWTH, LAST_LOOK_MS)) {
      const value = await this.#find(got, what, because)
      if (meets(value, is)) return value
      if (performance.now() >= deadline) {
        const late = withinMs > 0 ? ` after ${withinMs} ms` : ''
        const wanted = typeof is === 'function' ? String(is) : inspect(is)
        throw new UnmetExpectation(what, because, `got ${inspect(value)}${late}, wanted ${wanted}`)
      }
      await sleep(pauseMs)
    }
  }

  /** A guest that dies or hangs when it is asked, or a function that fails, does not meet what was expected of it. */
  async #find<T>(got: Expectation<T>['got'], what: string, because: string): Promise<T> {
    try {
      return await got()
    } catch (error) {
      if (!(error instanceof WorkError)) throw error
      throw new UnmetExpectation(what, because, saidBy(error), { cause: error })
    }
  }

  /** Plugs in a device of the machine that has a slot. */
  async plug(index = 0): Promise<void> {
    await this.idle(() => this.guest.plug(index))
    this.plugged[index] = true
  }

  /** Unplugs a device in order; resolves when guest and QEMU have let go of it. */
  async unplug(index = 0): Promise<void> {
    await this.idle(() => this.guest.unplug(index))
    this.plugged[index] = false
  }

  /** Starts the guest again, in order or at once; resolves when it is as at the scenario's start. */
  async reboot(how: 'in order' | 'at once'): Promise<void> {
    await this.guest.reboot(how)
    await this.#prepare()
  }

  /**
   * Waits for something that leaves the guest idle, such as a timeout in it: others run meanwhile, if it takes a while. Until
   * it is this one's turn again may take longer: nothing may hang on it by then.
   */
  idle<T>(work: () => Promise<T>): Promise<T> {
    return this.#slots.spare(work)
  }
}

/** The shell line that calls a function of the guest's. */
const lineOf = (name: string, args: (string | number)[]): string =>
  `. ${guestLibrary}; . ${GUEST_SCENARIO}; ${shellLine([name, ...args.map(String)])}`

function meets<T>(value: T, is: Expectation<T>['is']): boolean {
  if (is instanceof RegExp) return typeof value === 'string' && is.test(value)
  if (typeof is === 'function') return (is as (got: T) => boolean)(value)
  return isDeepStrictEqual(value, is)
}
