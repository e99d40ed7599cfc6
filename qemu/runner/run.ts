/** Runs one scenario on one kernel: boots the machine it asks for, lets it run, looks at what is left. */

import { stringify } from 'yaml'
import { boot } from '../boot.js'
import { InterruptedError, WorkError } from '../errors.js'
import { hash, writeWhole } from '../files.js'
import type { Guest } from '../guest.js'
import { cachePath } from '../paths.js'
import type { Progress } from '../progress.js'
import { checkDescriptors, checkGuest, checkInstance, checkLog, type Failure, sharedWith, toFailure } from './checks.js'
import { Context, guestScenario } from './context.js'
import { misfit, type TestKernel } from './kernels.js'
import type { Entry } from './load.js'
import type { Scenario } from './scenario.js'
import type { Slots } from './slots.js'
import { Wire } from './wire.js'

/** A step of a scenario, and when it began, in ms since the scenario did. */
export interface Step {
  text: string
  atMs: number
}

export interface Outcome {
  /** undefined: the scenario ran. Else why it is not for this kernel. */
  misfit?: string
  failures: Failure[]
  ms: number
  steps: Step[]
  /** The guest's console, and the last messages of each device. */
  console: string
  wire: string[]
}

export interface RunOptions {
  slots: Slots
  signal: AbortSignal
  onStep: (text: string) => void
}

const defaultPlatform = 'minimal'
const defaultLimitMs = 60_000
const quiet: Progress = { update() {}, note() {}, clear() {}, done() {}, stop() {} }

/** Runs a scenario; the caller holds a slot. Rejects only if the user stops it, or the lab itself is broken. */
export async function runScenario(entry: Entry, kernel: TestKernel, options: RunOptions): Promise<Outcome> {
  const why = misfit(entry.scenario.kernel ?? {}, kernel)
  if (why) return { misfit: why, failures: [], ms: 0, steps: [], console: '', wire: [] }
  const began = Date.now()
  const steps: Step[] = []
  const onStep = (text: string) => {
    steps.push({ text, atMs: Date.now() - began })
    options.onStep(text)
  }
  const wires: Wire[] = []
  const failures: Failure[] = []
  let guest: Guest | undefined
  try {
    onStep('boot')
    guest = await bootFor(entry, kernel, wires, options.signal)
    failures.push(...(await play(entry, guest, wires, { ...options, onStep })))
  } catch (error) {
    if (options.signal.aborted) throw new InterruptedError()
    if (!(error instanceof WorkError)) throw error
    failures.push(toFailure(error, 'the guest boots'))
  }
  if (guest) failures.push(...(await end(guest, entry.scenario)))
  if (options.signal.aborted) throw new InterruptedError()
  const wire = wires.flatMap((wire, index) => wire.tail().map(line => (wires.length > 1 ? `${index}: ${line}` : line)))
  return { failures, ms: Date.now() - began, steps, console: guest?.console ?? '', wire }
}

async function bootFor(
  { scenario, guestScript }: Entry,
  kernel: TestKernel,
  wires: Wire[],
  signal: AbortSignal,
): Promise<Guest> {
  const { devices = [{}], nodes, deviceTreeSource, append, cpus, qemuArguments } = scenario.machine ?? {}
  const scmi = devices.map(needs => {
    const wire = new Wire()
    wires.push(wire)
    return { ...needs, device: { ...needs.device, log: wire.log } }
  })
  const guest = await boot({
    kernel: kernel.image,
    platform: platformOf(scenario),
    scmi,
    signal,
    progress: quiet,
    onDevice: (device, index) => wires[index]!.watch(device),
    ...(nodes ? { nodes } : {}),
    ...(deviceTreeSource ? { deviceTreeSource } : {}),
    ...(append ? { append } : {}),
    ...(cpus ? { cpus } : {}),
    ...(qemuArguments ? { qemuArguments } : {}),
  })
  await guest.writeFile(guestScenario, guestScript)
  return guest
}

/** A platform that a scenario declares becomes a file of the cache. */
function platformOf({ platform = defaultPlatform }: Scenario): string {
  if (typeof platform === 'string') return platform
  const text = stringify(platform)
  const path = cachePath('platforms', `${hash(text)}.yaml`)
  writeWhole(path, text)
  return path
}

/** The scenario itself, and the checks that need the guest. */
async function play(entry: Entry, guest: Guest, wires: Wire[], options: RunOptions): Promise<Failure[]> {
  const { scenario } = entry
  let step = 'boot'
  const plugged = (scenario.machine?.devices ?? [{}]).map(({ isPlugged = true }) => isPlugged)
  const onStep = (text: string) => {
    step = text
    options.onStep(text)
  }
  const t = new Context({ guest, slots: options.slots, plugged, onStep })
  try {
    if (!scenario.kernel?.loadsModules) await t.call('load_modules')
    await within(scenario.limitMs ?? defaultLimitMs, guest, () => scenario.run(t))
    return [...checkGuest(wires, t, scenario), ...(await checkInstance(t, scenario))]
  } catch (error) {
    return [toFailure(error, step)]
  }
}

/** A scenario that takes too long is ended by the end of its guest: whatever waits for that fails. */
async function within(limitMs: number, guest: Guest, work: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const fail = () => reject(guest.vm.failure(`the scenario is not over after ${limitMs} ms`, 'hang'))
    timer = setTimeout(fail, limitMs)
  })
  try {
    await Promise.race([work(), late])
  } finally {
    clearTimeout(timer)
  }
}

/** Powers the guest off, which is a path through the drivers as well, and looks at all it has said. */
async function end(guest: Guest, scenario: Scenario): Promise<Failure[]> {
  const failures: Failure[] = []
  const shared = guest.vm.isRunning ? sharedWith(guest.vm.pid) : new Set<string>()
  try {
    await guest.close()
  } catch (error) {
    failures.push(toFailure(error, 'the guest powers off'))
  }
  return [...failures, ...checkLog(guest.console, scenario), ...checkDescriptors(shared)]
}
