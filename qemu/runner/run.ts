/** Runs one scenario on one kernel: boots its machine, runs it, and checks what it leaves behind. */
import type { FaultRule } from '../../src/faults/rules/rule.js'
import { afterMs, type Timer } from '../../src/platform/core/time.js'
import { yamlOf } from '../../src/platform/file/yaml-text.js'
import { silentProgress } from '../../src/support/progress.js'
import { type BootOptions, boot } from '../boot/boot.js'
import { type Collected, Collector } from '../coverage/collector.js'
import { type DeviceOptions, type Server, viewOf } from '../devices/device.js'
import type { Guest } from '../guest/guest.js'
import { GUEST_LIBRARY } from '../guest/image.js'
import { GuestError, InterruptedError } from '../support/errors.js'
import { hash, writeWhole } from '../support/files.js'
import { cachePath } from '../support/paths.js'
import {
  checkDescriptors,
  checkGuest,
  checkInstance,
  checkLeaks,
  checkLog,
  type Failure,
  sharedWith,
  toFailure,
} from './checks.js'
import { Context, GUEST_SCENARIO } from './context.js'
import { logAround } from './evidence.js'
import { misfit, type TestKernel } from './kernels.js'
import type { Entry } from './load.js'
import type { DeviceNeeds, Scenario } from './scenario.js'
import type { Slots } from './slots.js'
import { withLines } from './symbols.js'
import { Wire } from './wire.js'

/** A step of a scenario; it began `atMs` after the scenario. */
export interface Step {
  text: string
  atMs: number
}

export interface Outcome {
  /** Why the scenario is not for this kernel; undefined: it ran. */
  misfit?: string
  /** What failed; empty: nothing. */
  failures: Failure[]
  /** The guest's log. */
  console: string
  ms: number
  steps: Step[]
  /** The part of the guest's log that belongs to the failures. */
  log: string[]
  /** The last messages of each device, decoded. */
  messages: string[]
  /** What its guests counted, if the kernel counts. */
  collected?: Collected
}

export interface RunOptions {
  slots: Slots
  /** Fault rules of the devices, before those of the scenario. */
  faults: readonly FaultRule[]
  /** The machine's guest waits for a debugger on this port; nothing has a limit. */
  gdb?: number | undefined
  signal: AbortSignal
  onStep: (text: string) => void
  /** Called when the scenario is over or has failed, before guest and devices are ended. */
  onEnd?: ((guest: Guest, outcome: Outcome) => Promise<void>) | undefined
}

const DEFAULT_PLATFORM = 'minimal'
/** Boot time of a guest on a core of its own. A guest that boots more slowly gets proportionally more time for everything. */
const USUAL_BOOT_MS = 2000
const MOST_PATIENCE = 20
/** Patience with a guest that a debugger stops: a limit of 30 s is half a year, and fits the guest channel's 32 bits of ms. */
const NO_LIMIT = 100_000
const BOOT_LIMIT_MS = 180_000
const DEFAULT_LIMIT_MS = 60_000
/** An oops leaves locks held, and later users of a lock would wait for their limits: it must end the guest at once. */
const DEADLY = ['oops=panic']
/** KASAN needs an eighth of memory for its shadow, and more for freed objects in quarantine. */
const memoryFor = ({ config }: TestKernel): string => (config?.get('CONFIG_KASAN') === 'y' ? '512M' : '256M')

const hasLeakDetector = ({ config }: TestKernel): boolean => config?.get('CONFIG_DEBUG_KMEMLEAK') === 'y'

/** Runs a scenario; the caller holds a slot. Rejects only if the user stops it, or because of a bug in the lab. */
export async function runScenario(entry: Entry, kernel: TestKernel, options: RunOptions): Promise<Outcome> {
  const why = misfit(entry.scenario.kernel ?? {}, kernel)
  if (why) return { misfit: why, failures: [], console: '', ms: 0, steps: [], log: [], messages: [] }
  return new Run(entry, kernel, options).outcome()
}

class Run {
  readonly #entry: Entry
  readonly #scenario: Scenario
  readonly #kernel: TestKernel
  readonly #options: RunOptions
  readonly #began = Date.now()
  readonly #steps: Step[] = []
  readonly #wires: Wire[]
  readonly #plugged: boolean[]
  /** The guests of other agents. */
  readonly #others: { name: string; guest: Guest }[] = []
  #patience = 1
  readonly #collector: Collector | undefined
  /** The guest no longer answers, not even to a power-off. */
  #isHung = false

  constructor(entry: Entry, kernel: TestKernel, options: RunOptions) {
    this.#entry = entry
    this.#scenario = entry.scenario
    this.#kernel = kernel
    this.#options = options
    this.#collector = kernel.counting && new Collector(kernel.counting)
    const devices = this.#scenario.machine?.devices ?? [{}]
    this.#wires = devices.map(() => new Wire())
    this.#plugged = devices.map(({ isPlugged = true }) => isPlugged)
  }

  async outcome(): Promise<Outcome> {
    const { signal, onEnd } = this.#options
    const guest = await this.#boot()
    if (signal.aborted) throw new InterruptedError()
    if (guest instanceof Error) return this.#bootFailed(guest)
    const failures = await this.#play(guest)
    const before = guest.console
    if (onEnd && !signal.aborted) await onEnd(guest, await this.#outcome(failures, before))
    // Messages from here on are not the scenario's.
    const meanwhile = guest.console.length
    failures.push(...(await this.#end(guest)))
    if (signal.aborted) throw new InterruptedError()
    const console = before + guest.console.slice(meanwhile)
    for (const log of [console, ...this.#others.map(other => other.guest.console)]) {
      failures.push(...checkLog(log, this.#scenario))
    }
    return this.#ended(failures, console)
  }

  /** The outcome when all guests have ended. */
  async #ended(failures: readonly Failure[], console: string): Promise<Outcome> {
    const collected = await this.#collector?.end()
    return { ...(await this.#outcome(failures, console)), ...(collected ? { collected } : {}) }
  }

  async #bootFailed(error: Error): Promise<Outcome> {
    const console = error instanceof GuestError ? error.console : ''
    return this.#ended([this.#failure(error), ...checkLog(console, this.#scenario)], console)
  }

  async #outcome(failures: readonly Failure[], console: string): Promise<Outcome> {
    const isOne = this.#wires.length === 1
    const others = this.#others.map(({ name, guest }) => ({ title: `--- the guest of ${name}`, log: guest.console }))
    const around = [...logAround(console), ...others.flatMap(({ title, log }) => [title, ...logAround(log)])]
    return {
      failures: [...failures],
      console: [console, ...others.map(({ title, log }) => `${title}\n${log}`)].join('\n'),
      ms: Date.now() - this.#began,
      steps: this.#steps,
      log: failures.length > 0 ? await withLines(around, this.#kernel.image) : [],
      messages: this.#wires.flatMap((wire, i) => wire.tail().map(line => (isOne ? line : `device ${i}: ${line}`))),
    }
  }

  #step(text: string): void {
    this.#steps.push({ text, atMs: Date.now() - this.#began })
    this.#options.onStep(text)
  }

  /** The failure of the last step. */
  #failure(error: unknown): Failure {
    const { cause = error } = error as Error
    this.#isHung ||= cause instanceof GuestError && cause.reason === 'hang'
    return toFailure(error, `step: ${this.#steps.at(-1)!.text}`)
  }

  /** Boots the guest; a failure to boot is a failure of the scenario. */
  async #boot(): Promise<Guest | Error> {
    this.#step('boot')
    const { devices = [{}] } = this.#scenario.machine ?? {}
    const began = performance.now()
    const { gdb } = this.#options
    const booting = boot({
      ...this.#bootOptions(),
      ...(gdb === undefined ? {} : { gdb }),
      platform: platformFile(this.#scenario),
      scmi: devices.map((needs, i) => ({ ...needs, device: this.#deviceOptions(needs, i) })),
      onServer: (device, index) => this.#wires[index]!.watch(device),
    })
    const guest = await booting.catch((error: Error) => error)
    if (guest instanceof Error) return guest
    this.#patience =
      gdb !== undefined ? NO_LIMIT : Math.min(Math.ceil((performance.now() - began) / USUAL_BOOT_MS), MOST_PATIENCE)
    return guest
  }

  #bootOptions(): BootOptions {
    const { devices: _, append = [], ...machine } = this.#scenario.machine ?? {}
    return {
      ...machine,
      append: [...DEADLY, ...append],
      kernel: this.#kernel.image,
      memory: memoryFor(this.#kernel),
      limitMs: BOOT_LIMIT_MS,
      signal: this.#options.signal,
      progress: silentProgress,
      ...(this.#collector ? { onVm: vm => this.#collector!.watch(vm) } : {}),
    }
  }

  /** Boots the guest of another agent of the first device, and prepares it. */
  async #join(server: Server, name: string): Promise<Context> {
    this.#step(`boot the guest of ${name}`)
    const index = server.devices.findIndex(({ agent }) => agent.name === name)
    const { socketPath: path } = server.endpoints[index] as { socketPath: string }
    const view = await viewOf(server, server.devices[index]!.agent)
    const guest = await boot({ ...this.#bootOptions(), joins: { socket: { path, dials: 'qemu' }, view } })
    this.#others.push({ name, guest })
    await this.#prepare(guest)
    return this.#contextOf(guest, [true])
  }

  #contextOf(guest: Guest, plugged: boolean[], others?: ReadonlyMap<string, Context>): Context {
    const onStep = (text: string) => this.#step(text)
    const prepare = () => this.#prepare(guest)
    const { slots } = this.#options
    return new Context({
      guest,
      slots,
      plugged,
      patience: this.#patience,
      onStep,
      prepare,
      ...(others ? { others } : {}),
    })
  }

  #deviceOptions({ device }: DeviceNeeds, index: number): DeviceOptions {
    const own = device?.faults ?? []
    if (typeof own === 'string') throw new TypeError('a scenario has its fault rules in a list')
    return { ...device, faults: [...this.#options.faults, ...own], log: this.#wires[index]!.log }
  }

  /** Prepares a guest that has just booted: guest file, modules. */
  async #prepare(guest: Guest): Promise<void> {
    await guest.writeFile(GUEST_SCENARIO, `PATIENCE=${this.#patience}\n${this.#entry.guestScript}`)
    if (!this.#scenario.kernel?.loadsModules) await guest.check(`. ${GUEST_LIBRARY}; load_modules`)
  }

  /** Runs the scenario, then the checks that need the guest. */
  async #play(guest: Guest): Promise<Failure[]> {
    const { signal } = this.#options
    const others = new Map<string, Context>()
    const t = this.#contextOf(guest, this.#plugged, others)
    const stop = () => {
      for (const { vm } of [guest, ...this.#others.map(other => other.guest)]) vm.kill()
    }
    signal.addEventListener('abort', stop)
    const failures: Failure[] = []
    try {
      await this.#prepare(guest)
      for (const name of this.#scenario.guests ?? []) others.set(name, await this.#join(guest.server!, name))
      const limitMs = (this.#scenario.limitMs ?? DEFAULT_LIMIT_MS) * this.#patience
      await within(limitMs, guest, () => this.#scenario.run(t))
      for (const one of [t, ...others.values()]) {
        await checkInstance(one, this.#scenario)
        // A scenario may end with a guest that has powered off.
        if (hasLeakDetector(this.#kernel) && one.guest.vm.isRunning) await checkLeaks(one)
      }
    } catch (error) {
      failures.push(this.#failure(error))
    } finally {
      signal.removeEventListener('abort', stop)
    }
    return [...failures, ...checkGuest(this.#wires, t, this.#scenario)]
  }

  /** Powers the guests off; that tests the drivers, too. The machine's is the last, as its device goes with it. */
  async #end(machine: Guest): Promise<Failure[]> {
    const failures: Failure[] = []
    const guests = [...this.#others.map(({ guest }) => guest), machine]
    const shared = new Set(guests.flatMap(({ vm }) => (vm.isRunning ? [...sharedWith(vm.pid)] : [])))
    for (const guest of guests) {
      try {
        await (this.#isHung ? guest.kill() : guest.close())
      } catch (error) {
        this.#step('power off')
        failures.push(this.#failure(error))
      }
    }
    return [...failures, ...checkDescriptors(shared)]
  }
}

/** Writes a platform that a scenario declares to a file in the cache, for command lines. */
function platformFile({ platform = DEFAULT_PLATFORM }: Scenario): string {
  if (typeof platform === 'string') return platform
  const text = yamlOf(platform)
  const path = cachePath('platforms', `${hash(text)}.yaml`)
  writeWhole(path, text)
  return path
}

/** Ends the guest of a scenario that takes too long; everything that waits for the guest then fails. */
async function within(limitMs: number, guest: Guest, work: () => Promise<void>): Promise<void> {
  let timer: Timer | undefined
  const late = new Promise<never>((_, reject) => {
    const fail = () => reject(guest.vm.failure(`the scenario is not over after ${limitMs} ms`, 'hang'))
    timer = afterMs(limitMs, fail)
  })
  try {
    await Promise.race([work(), late])
  } finally {
    timer?.cancel()
  }
}
