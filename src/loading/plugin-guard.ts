/**
 * Contains bugs of plug-ins. Their protocols are wrapped at load time, so that the package's own protocols pay nothing.
 * A handler that throws, or returns no status, is a bug that is reported once. Plug-in code that never returns is
 * reported by a thread (native/stall_watch.h), since nothing else runs then.
 */
import type { stallWatch } from '../device/native.js'
import type { Platform, ResourceKind } from '../platform/core/platform.js'
import type { AgentState, Command, Protocol } from '../protocols/declaration/protocol.js'
import { OperatorError, PluginBug } from '../support/errors.js'
import { STATUS_NAMES } from '../wire/status.js'

/** Plug-in code that runs longer than this, in ms, is reported. */
const STALL_MS = 5000
/** Several beats per STALL_MS, even on a busy machine. */
const BEAT_MS = 200
/** Time limit of an import, which may compile and read a lot. */
const IMPORT_MS = 10_000
/** At most this many different errors are reported. */
const DROPPED_MAX = 100
/** Statuses below this are vendor-defined (SCMI v3.2 §4.1.4). */
const VENDOR_STATUS_MAX = -128

/** The watching thread; starts with the first plug-in loaded from a file. */
let watch: ReturnType<typeof stallWatch> | undefined

/** See native/stall_watch.h. */
const enter = (number: number): number => watch?.enter(number) ?? 0

const numbers = new Map<string, number>()

/** The thread's number for `name`. */
function numberOf(name: string): number {
  const number = numbers.get(name) ?? watch?.numberOf(name) ?? 0
  numbers.set(name, number)
  return number
}

/** Runs `work`; the thread reports `name` if it does not return. */
function watched<T>(name: string, work: () => T): T {
  const before = enter(numberOf(name))
  try {
    return work()
  } finally {
    enter(before)
  }
}

/** Folders of plug-ins, as URLs that end in a slash. */
const folders = new Set<string>()

/**
 * Imports a plug-in's module with `load`. Throws OperatorError if the import does not complete. If it loops, the thread
 * reports it, and SIGTERM ends the process, since no signal handler is installed yet.
 */
export async function importWatched(
  file: string,
  url: string,
  load: (url: string) => Promise<object>,
): Promise<object> {
  if (!watch) {
    const { stallWatch } = await import('../device/native.js')
    const started = stallWatch()
    watch = started
    started.start(STALL_MS)
    setInterval(() => started.beat(), BEAT_MS).unref()
    // Only once the listener is installed.
    process.on('newListener', event => String(event).startsWith('SIG') && setImmediate(() => started.beat()))
  }
  folders.add(new URL('.', url).href)
  const before = enter(numberOf(`plug-in ${file}: its import`))
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    const text = `${file}: is not loaded after ${IMPORT_MS / 1000} s: its top-level await does not complete`
    timer = setTimeout(() => reject(new OperatorError(text)), IMPORT_MS)
  })
  try {
    return await Promise.race([load(url), limit])
  } finally {
    clearTimeout(timer)
    enter(before)
  }
}

/** Whether an uncaught error comes from a plug-in, by its stack. */
function isOfPlugin(error: unknown): boolean {
  const stack = error instanceof Error ? error.stack : undefined
  return stack === undefined || [...folders].some(folder => stack.includes(folder))
}

/**
 * Reports uncaught errors of plug-ins, in timers and promises, instead of ending the process. For the owner of the
 * process; does nothing if no plug-in was loaded from a file. Other uncaught errors still end the process.
 */
export function surviveDroppedErrors(tell: (problem: string) => void): void {
  if (folders.size === 0) return
  const told = new Set<string>()
  const survive = (error: unknown): void => {
    if (!isOfPlugin(error)) {
      console.error(error)
      process.exit(1)
    }
    const problem = `a plug-in did not catch ${firstLine(error)} (a bug of the plug-in)`
    if (told.has(problem) || told.size === DROPPED_MAX) return
    told.add(problem)
    tell(problem)
  }
  process.on('uncaughtException', survive)
  process.on('unhandledRejection', survive)
}

const guardedProtocols = new WeakMap<Protocol, Protocol>()
const guardedKinds = new WeakMap<ResourceKind, ResourceKind>()

/** The same protocol, with its bugs reported as those of `plugin`. There is one wrapper per protocol. */
export function guarded(protocol: Protocol, plugin: string): Protocol {
  const known = guardedProtocols.get(protocol)
  if (known) return known
  const prefix = `plug-in ${plugin}: protocol ${protocol.name}`
  const commands = new Map(protocol.commands.map(command => [command, guardedCommand(command, prefix)]))
  const twin: Protocol = {
    ...protocol,
    commands: [...commands.values()],
    commandsOf: version => protocol.commandsOf(version).map(command => command && commands.get(command)),
    attach: guardedAttach(protocol, prefix),
    ...(protocol.resource ? { resource: guardedKind(protocol.resource, prefix) } : {}),
  }
  guardedProtocols.set(protocol, twin)
  // A plug-in that is named twice is wrapped once.
  guardedProtocols.set(twin, twin)
  return twin
}

function guardedCommand(command: Command, prefix: string): Command {
  const name = `${prefix}: ${command.name}`
  const number = numberOf(name)
  const told = new Set<string>()
  const bug = (problem: string): PluginBug => {
    const isNews = !told.has(problem)
    told.add(problem)
    return new PluginBug(`${name} ${problem} (a bug of the plug-in); answered GENERIC_ERROR`, isNews)
  }
  const handler: Command['handler'] = (state, request, reply, protocol) => {
    const before = enter(number)
    let status: unknown
    try {
      status = command.handler(state, request, reply, protocol)
    } catch (error) {
      throw bug(`threw ${firstLine(error)}`)
    } finally {
      enter(before)
    }
    if (isStatus(status)) return status
    if (status instanceof Promise) status.catch(() => {})
    throw bug(`returned ${shown(status)}, which is not a status`)
  }
  return { ...command, handler }
}

function isStatus(status: unknown): status is number {
  if (typeof status !== 'number' || !Number.isInteger(status) || status > 0 || status < -0x8000_0000) return false
  return status > -STATUS_NAMES.length || status <= VENDOR_STATUS_MAX
}

/** The returned value in short; -0 counts as 0. */
function shown(value: unknown): string {
  if (value instanceof Promise) return 'a promise'
  if (typeof value === 'number' || value === undefined || value === null) return String(value)
  return typeof value === 'string' ? 'text' : `a value of type ${typeof value}`
}

const firstLine = (error: unknown): string => String(error).split('\n', 1)[0] ?? ''

/** State of a protocol whose `attach` failed; no handler ever gets it. */
class Broken implements AgentState {}

const STATE_METHODS = ['release', 'permissionsChanged', 'save', 'restore', 'reportError'] as const

/** At start-up `attach` errors go to the operator; later, a driver loses only this protocol. */
function guardedAttach(protocol: Protocol, prefix: string): Protocol['attach'] {
  const told = new Set<string>()
  const guard = <T>(platform: Platform, what: string, work: () => T): T | undefined => {
    try {
      return watched(`${prefix}: ${what}`, work)
    } catch (error) {
      const problem = `${prefix}: ${what} threw ${firstLine(error)} (a bug of the plug-in)`
      if (!told.has(problem)) platform.tellBug(problem)
      told.add(problem)
      return undefined
    }
  }
  return (platform, agentProtocol) => {
    const isStart = (agentProtocol.state as AgentState | undefined) === undefined
    let state: AgentState | undefined
    if (isStart) state = asOperators(`${prefix}: attach`, () => protocol.attach(platform, agentProtocol))
    else state = guard(platform, 'attach', () => protocol.attach(platform, agentProtocol)) ?? new Broken()
    for (const method of STATE_METHODS) {
      const original = state[method] as ((...args: unknown[]) => unknown) | undefined
      if (typeof original !== 'function') continue
      const value = (...args: unknown[]) => guard(platform, method, () => original.apply(state, args))
      Reflect.defineProperty(state, method, { value, configurable: true, writable: true })
    }
    return state
  }
}

/** Turns an unexpected error into an OperatorError, for the author of the plug-in. */
function asOperators<T>(what: string, work: () => T): T {
  try {
    return watched(what, work)
  } catch (error) {
    if (error instanceof OperatorError) throw error
    throw new OperatorError(`${what} threw ${firstLine(error)} (a bug of the plug-in)`)
  }
}

function guardedKind(kind: ResourceKind, prefix: string): ResourceKind {
  const known = guardedKinds.get(kind)
  if (known) return known
  const twin: ResourceKind = {
    ...kind,
    create: (config, platform) => asOperators(`${prefix}: create`, () => kind.create(config, platform)),
  }
  for (const step of ['link', 'observe'] as const) {
    const original = kind[step]
    if (original) twin[step] = (...args) => asOperators(`${prefix}: ${step}`, () => original.apply(kind, args))
  }
  guardedKinds.set(kind, twin)
  guardedKinds.set(twin, twin)
  return twin
}
