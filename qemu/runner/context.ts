/**
 * What a scenario's `run` gets: the guest and the functions of the guest file, QEMU, the devices, and expectations. An
 * expectation says what the kernel must do and why. The first one that is not met ends the scenario.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect, isDeepStrictEqual } from 'node:util'
import type { Device } from '../../src/device/device.js'
import type { Server } from '../devices/device.js'
import type { Guest, RunLimits } from '../guest/guest.js'
import { GUEST_LIBRARY } from '../guest/image.js'
import type { Qmp } from '../machine/qmp.js'
import { GuestError, LabError, WorkError } from '../support/errors.js'
import { shellLine } from '../support/process.js'
import type { Slots } from './slots.js'

/** The path of the scenario's guest file in the guest. */
export const GUEST_SCENARIO = '/lib/scenario.sh'

/** Default time limit of a call. */
const CALL_LIMIT_MS = 30_000

/** Pauses between looks at a condition: short at first, then longer, as each look costs the guest time. */
const FIRST_LOOK_MS = 20
const LOOK_GROWTH = 1.5
const LAST_LOOK_MS = 500

export interface Expectation<T> {
  /** Why the kernel must do so: the function of the driver, or the section of the specification. */
  because: string
  /** Gets the actual value. */
  got: () => T | Promise<T>
  /** The wanted value: an equal one, a pattern for a text, or a predicate. */
  is: T | RegExp | ((got: T) => boolean)
  /** Looks repeatedly for this long; default: once. */
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

/** An error's text. Errors that are not the lab's own are bugs, perhaps of a scenario, and come with a stack trace. */
export function saidBy(error: Error): string {
  if (error instanceof GuestError) return error.summary
  return error instanceof LabError ? error.message : (error.stack ?? error.message)
}

export interface ContextParts {
  guest: Guest
  slots: Slots
  /** Whether each device is plugged in, in the machine's order. */
  plugged: boolean[]
  /** Factor for time limits: 1 where guests run at the usual speed, more on a busy machine or a slow kernel. */
  patience: number
  onStep: (text: string) => void
  /** Prepares a guest that has just booted for the scenario. */
  prepare: () => Promise<void>
  /** The guests of other agents, by name. */
  others?: ReadonlyMap<string, Context>
}

export class Context {
  readonly guest: Guest
  readonly #slots: Slots
  readonly plugged: boolean[]
  readonly patience: number
  readonly #onStep: (text: string) => void
  readonly #prepare: () => Promise<void>
  readonly #others: ReadonlyMap<string, Context>

  constructor({ guest, slots, plugged, patience, onStep, prepare, others = new Map() }: ContextParts) {
    this.guest = guest
    this.#slots = slots
    this.plugged = plugged
    this.patience = patience
    this.#onStep = onStep
    this.#prepare = prepare
    this.#others = others
  }

  /** The guest of another agent, which `guests` of the scenario names. */
  agent(name: string): Context {
    const context = this.#others.get(name)
    if (!context) throw new TypeError(`the scenario has no guest of agent ${name}`)
    return context
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

  /** Announces the next step: to people, and in the guests' logs, to show which lines belong to it. */
  async step(text: string): Promise<void> {
    this.#onStep(text)
    for (const { guest } of [this, ...this.#others.values()]) await guest.writeFile('/dev/kmsg', `lab: ${text}\n`)
  }

  /** Runs a function of the guest file or of lab.sh; resolves with its output. A non-zero exit status is an error. */
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

  /** A guest that dies or hangs meanwhile, or a function that fails, counts as an unmet expectation. */
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

  /** Unplugs a device in order; resolves when guest and QEMU have released it. */
  async unplug(index = 0): Promise<void> {
    await this.idle(() => this.guest.unplug(index))
    this.plugged[index] = false
  }

  /** Restarts the guest, in order or at once; resolves when it is prepared as at the scenario's start. */
  async reboot(how: 'in order' | 'at once'): Promise<void> {
    await this.guest.reboot(how)
    await this.#prepare()
  }

  /**
   * Waits for something that leaves the guest idle, such as a timeout in it. If it takes a while, other scenarios run
   * meanwhile, and this one may continue later than `work` ends: nothing may depend on that time.
   */
  idle<T>(work: () => Promise<T>): Promise<T> {
    return this.#slots.spare(work)
  }
}

/** The shell line that calls a function in the guest. */
const lineOf = (name: string, args: (string | number)[]): string =>
  `. ${GUEST_LIBRARY}; . ${GUEST_SCENARIO}; ${shellLine([name, ...args.map(String)])}`

function meets<T>(value: T, is: Expectation<T>['is']): boolean {
  if (is instanceof RegExp) return typeof value === 'string' && is.test(value)
  if (typeof is === 'function') return (is as (got: T) => boolean)(value)
  return isDeepStrictEqual(value, is)
}
