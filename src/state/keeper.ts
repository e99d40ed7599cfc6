/**
 * Persists a platform's state in a file: the state of resources, and what agents have negotiated, subscribed to and wait
 * for. A process that takes over finds it as the last answered message left it.
 *
 * Each record holds what differs from the records before: results, not commands, because results can be restored in any
 * order and without time passing, and because a long file can be replaced by the current state. A record is written before
 * its replies are published, so that no answered change is lost. The file may then hold a change whose reply was never
 * published, and a front end that resumes its ring resends that command. So a record also holds the replies of its batch
 * (DeviceKeeper).
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Device } from '../device/device.js'
import type { PlatformOrigin } from '../loading/load.js'
import { type Kept, mustFit, mustHave, readSaved, type Saved } from '../platform/core/kept.js'
import type { Platform } from '../platform/core/platform.js'
import type { Protocol } from '../protocols/declaration/protocol.js'
import { errorCode, OperatorError } from '../support/errors.js'
import type { Logger } from '../support/log.js'
import { type Answered, DeviceKeeper } from './device-keeper.js'
import { partsOf, tellsChanges } from './parts.js'
import { type Fate, StateFile } from './state-file.js'

/** One record of the file. */
interface Entry {
  /** Changed parts, by name. */
  state?: Record<string, Saved>
  /** By agent: the last batch that changed something; null: too old to be resent. */
  answered?: Record<string, Answered | null>
}

interface Part {
  name: string
  part: Kept
  /** The persisted state of the part, as JSON. */
  text: string
}

export interface KeeperOptions {
  platform: Platform
  protocols: readonly Protocol[]
  origin: PlatformOrigin
  devices: readonly Device[]
  log: Logger
}

/** How often to check that the file still exists. */
const LOOK_MS = 1000

const savedEntry = z.strictObject({
  state: z.custom<Record<string, Saved>>(isMap, 'not a map of parts'),
  answered: z.custom<Record<string, Saved>>(isMap, 'not a map of agents'),
})

function isMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export class Keeper {
  /** The file had state of an earlier process. */
  readonly resumed: boolean
  readonly #file: StateFile<Entry>
  readonly #log: Logger
  readonly #parts: readonly Part[]
  /** Parts without change events. */
  readonly #silent: readonly Part[]
  /** Parts that may differ from the file. */
  readonly #changed = new Set<Part>()
  readonly #devices: readonly DeviceKeeper[]
  readonly #looking: NodeJS.Timeout
  /** The last write failed, or another process has changed the file. */
  #mustRewrite = false
  #closed = false

  /** Restores the state in the file and rewrites it. Throws OperatorError if the file is unusable. */
  constructor(path: string, options: KeeperOptions) {
    const { platform, protocols, devices, origin, log } = options
    const owner = { platform: origin.name, fingerprint: fingerprintOf(options) }
    this.#file = StateFile.open(path, owner)
    this.#log = log
    const agents = devices.map(({ agent }) => agent)
    const parts = partsOf(platform, protocols, agents)
    for (const { agent, events } of devices) parts.push([`agents/${agent.name}/events`, events])
    this.#parts = parts.map(([name, part]) => ({ name, part, text: '' }))
    this.#silent = this.#parts.filter(({ part }) => !tellsChanges(part))
    this.#devices = devices.map(device => new DeviceKeeper(device, () => this.commit()))
    this.resumed = this.#file.records.length > 0
    if (this.#file.tornBytes > 0) log.warn(`${path}: dropped ${this.#file.tornBytes} bytes of an incomplete record`)
    try {
      if (this.resumed) this.#restore(path)
      this.#rewrite()
    } catch (error) {
      this.#file.close()
      if (errorCode(error) === undefined) throw error
      throw new OperatorError(
        `--state ${path}: ${(error as Error).message}; give a file in a folder that can be written`,
      )
    }
    for (const part of this.#parts) {
      if (tellsChanges(part.part)) part.part.onChange = () => void this.#changed.add(part)
    }
    for (const keeper of this.#devices) keeper.start()
    this.#looking = setInterval(() => this.#look(), LOOK_MS)
    this.#looking.unref()
  }

  /** Throws OperatorError unless the file holds valid state of exactly these parts; then nothing is served. */
  #restore(path: string): void {
    const state = new Map<string, Saved>()
    const answered = new Map<string, Saved>()
    const put = (what: string, into: () => void): void => {
      try {
        into()
      } catch (error) {
        // Parts of plug-ins may throw anything.
        throw StateFile.wrongContent(path, `${what}: ${oneLine(error)}`)
      }
    }
    for (const [i, record] of this.#file.records.entries()) {
      put(`line ${i + 2}`, () => {
        const entry = readSaved(savedEntry, record as Saved)
        for (const [name, saved] of Object.entries(entry.state)) state.set(name, saved)
        for (const [name, saved] of Object.entries(entry.answered)) answered.set(name, saved)
      })
    }
    for (const { name, part } of this.#parts) {
      put(name, () => part.restore(mustHave(state.get(name), 'is missing')))
      state.delete(name)
    }
    for (const keeper of this.#devices) {
      put(`answers to ${keeper.name}`, () => keeper.restore(mustHave(answered.get(keeper.name), 'are missing')))
      answered.delete(keeper.name)
    }
    for (const name of [...state.keys(), ...answered.keys()]) {
      put(name, () => mustFit(false, 'there is no such part'))
    }
  }

  /** Writes what has changed. Failures only go to the log: guests can do nothing about them. */
  commit(): void {
    if (this.#closed) return
    try {
      if (this.#mustRewrite || this.#file.isLong) this.#rewrite()
      else this.#append()
      this.#mustRewrite = false
    } catch (error) {
      if (!this.#mustRewrite) {
        this.#log.error(`the state can't be persisted until this is fixed: ${(error as Error).message}`)
      }
      this.#mustRewrite = true
    }
  }

  #append(): void {
    const state = this.#changes()
    const answered = this.#answered(keeper => keeper.isNews)
    if (Object.keys(state).length + Object.keys(answered).length > 0) this.#file.append({ state, answered })
  }

  #rewrite(): void {
    for (const part of this.#parts) {
      part.text = ''
      this.#changed.add(part)
    }
    this.#file.rewrite({ state: this.#changes(), answered: this.#answered(() => true) })
  }

  #changes(): Record<string, Saved> {
    const changes: Record<string, Saved> = {}
    for (const part of this.#changed) noteChange(part, changes)
    for (const part of this.#silent) noteChange(part, changes)
    this.#changed.clear()
    return changes
  }

  #answered(which: (keeper: DeviceKeeper) => boolean): Record<string, Answered | null> {
    const chosen = this.#devices.filter(which)
    return Object.fromEntries(chosen.map(keeper => [keeper.name, keeper.takeAnswered()]))
  }

  /** Checks that the file is unchanged: if it was deleted, the state would be lost at the next start. */
  #look(): void {
    if (this.#closed || this.#mustRewrite) return
    const { path } = this.#file
    let fate: Fate
    try {
      fate = this.#file.fate
    } catch (error) {
      this.#log.error(`${path} can't be checked: ${(error as Error).message}`)
      this.#mustRewrite = true
      return
    }
    if (fate === 'whole') return
    if (fate === 'replaced') {
      // The new file may belong to another process.
      this.#log.error(
        `${path} was replaced by another file: the state is no longer persisted; restart to use the new file`,
      )
      this.#end()
      return
    }
    this.#log.warn(`${path} was ${fate === 'deleted' ? fate : 'changed by another process'}: rewriting it`)
    this.#mustRewrite = true
    this.commit()
  }

  #end(): void {
    this.#closed = true
    clearInterval(this.#looking)
    this.#file.close()
  }

  close(): void {
    this.#look()
    if (this.#closed) return
    this.commit()
    this.#end()
  }
}

/** Adds the state of `part` to `changes` if it differs from the file. */
function noteChange(part: Part, changes: Record<string, Saved>): void {
  const saved = part.part.save()
  const text = JSON.stringify(saved)
  if (text === part.text) return
  part.text = text
  changes[part.name] = saved
}

function oneLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).replaceAll(/\s+/g, ' ')
}

/** Everything that must match for a state to fit: the platform file, protocols and agents. */
function fingerprintOf({ origin, protocols, devices }: KeeperOptions): string {
  const agents = devices.map(({ agent }) => [agent.id, agent.name])
  const ways = protocols.map(({ id, name, versions }) => [id, name, versions])
  return createHash('sha256')
    .update(JSON.stringify([origin.text, agents, ways]))
    .digest('hex')
}
