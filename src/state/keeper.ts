/**
 * Persists a platform's state in a file, so that the next process finds it as the last answered message left it: the state
 * of resources, and what agents have negotiated, subscribed to and wait for.
 *
 * A record has the parts that changed since the record before: their new state, not the commands that led to it. So they
 * can be restored in any order and without waiting, and a long file can be replaced by one record of the current state.
 * A record is written before the replies of its batch are published, so no answered change is lost. But a process may die
 * between the two: then the front end resends the batch. Hence a record also has the batch's replies (DeviceKeeper).
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
import { DeviceKeeper } from './device-keeper.js'
import type { Line } from './line.js'
import { partsOf, tellsChanges } from './parts.js'
import { type Fate, StateFile } from './state-file.js'

interface Part {
  readonly name: string
  readonly part: Kept
  /** Its name, as a key of JSON. */
  readonly key: string
  /** Its state in the file, as JSON after its name; only of parts that do not report their changes. */
  text: string
}

export interface KeeperOptions {
  platform: Platform
  protocols: readonly Protocol[]
  origin: PlatformOrigin
  devices: readonly Device[]
  log: Logger
}

/** How often the keeper checks that the file is still there. */
const LOOK_MS = 1000

/** A record of the file. */
const savedRecord = z.strictObject({
  /** What has changed, by the names of parts. */
  state: z.custom<Record<string, Saved>>(isMap, 'not a map of parts'),
  /** The last batch that changed something, by agent; null: it can't be resent any more. */
  answered: z.custom<Record<string, Saved>>(isMap, 'not a map of agents'),
})

function isMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export class Keeper {
  /** Whether the file had state of an earlier process. */
  readonly resumed: boolean
  readonly #file: StateFile
  readonly #log: Logger
  readonly #parts: readonly Part[]
  /** Parts that do not report their changes. */
  readonly #silent: readonly Part[]
  /** Parts that have reported a change since the last record. */
  readonly #changed = new Set<Part>()
  readonly #devices: readonly DeviceKeeper[]
  readonly #looking: NodeJS.Timeout
  /** The last write failed, or somebody else has touched the file. */
  #mustRewrite = false
  /** The last write failed, and that was logged. */
  #failed = false
  #closed = false

  /** Restores the state in the file, and rewrites it. Throws OperatorError if it can't be used. */
  constructor(path: string, options: KeeperOptions) {
    const { platform, protocols, devices, origin, log } = options
    const owner = { platform: origin.name, fingerprint: fingerprintOf(options) }
    this.#file = StateFile.open(path, owner)
    this.#log = log
    const agents = devices.map(({ agent }) => agent)
    const parts = partsOf(platform, protocols, agents)
    for (const { agent, events } of devices) parts.push([`agents/${agent.name}/events`, events])
    this.#parts = parts.map(([name, part]) => ({ name, part, key: `${JSON.stringify(name)}:`, text: '' }))
    this.#silent = this.#parts.filter(({ part }) => !tellsChanges(part))
    this.#devices = devices.map(device => new DeviceKeeper(device, () => this.commit()))
    this.resumed = this.#file.records.length > 0
    if (this.#file.tornBytes > 0) log.warn(`${path}: dropped ${this.#file.tornBytes} bytes of an incomplete record`)
    try {
      if (this.resumed) this.#restore(path)
      this.#file.rewrite(this.#sayAll)
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

  /** Restores every part. Throws OperatorError if one refuses its state; then nothing is served. */
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
      put(`record ${i + 1}`, () => {
        const entry = readSaved(savedRecord, record as Saved)
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

  /** Writes what has changed since the last time. Failures are only logged: guests can do nothing about them. */
  commit(): void {
    if (this.#closed) return
    try {
      if (this.#mustRewrite) this.#file.rewrite(this.#sayAll)
      else this.#append()
      this.#mustRewrite = this.#failed = false
    } catch (error) {
      if (!this.#failed) {
        this.#log.error(`the state can't be persisted until this is fixed: ${(error as Error).message}`)
      }
      this.#mustRewrite = this.#failed = true
    }
  }

  #append(): void {
    const state = this.#changes()
    const devices = this.#devices.filter(keeper => keeper.isNews)
    if (state === '' && devices.length === 0) return
    sayRecord(this.#file.begin(), state, devices)
    if (!this.#file.append()) this.#file.restart(this.#sayAll)
  }

  readonly #sayAll = (record: Line): void => {
    this.#changed.clear()
    for (const part of this.#silent) part.text = textOf(part)
    sayRecord(record, this.#parts.map(textOf).join(','), this.#devices)
  }

  /** The parts that differ from the file, as members of a JSON object; counts them as written. */
  #changes(): string {
    let changes = ''
    const add = (text: string): void => {
      changes += changes === '' ? text : `,${text}`
    }
    // Hot. Comparing each with an earlier text would cost as much as making the text.
    for (const part of this.#changed) add(textOf(part))
    this.#changed.clear()
    for (const part of this.#silent) {
      const text = textOf(part)
      if (text === part.text) continue
      part.text = text
      add(text)
    }
    return changes
  }

  /** Checks that the file is as the keeper left it: if somebody removed it, the state would be lost at the next start. */
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
    this.#mustRewrite = true
    this.commit()
    // After the write: a reader of this line may stop the process.
    if (!this.#failed)
      this.#log.warn(`${path} was ${fate === 'deleted' ? fate : 'changed by another process'}: it is rewritten`)
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

function textOf({ key, part }: Part): string {
  return key + JSON.stringify(part.save())
}

function sayRecord(record: Line, state: string, devices: readonly DeviceKeeper[]): void {
  record.json(`{"state":{${state}},"answered":{`)
  devices.forEach((keeper, i) => {
    if (i > 0) record.json(',')
    keeper.writeAnswered(record)
  })
  record.json('}}')
}

function oneLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).replaceAll(/\s+/g, ' ')
}

/** What must be equal for a state to fit: the platform file, the agents, and their protocols. */
function fingerprintOf({ origin, protocols, devices }: KeeperOptions): string {
  const agents = devices.map(({ agent }) => [agent.id, agent.name])
  const ways = protocols.map(({ id, name, versions }) => [id, name, versions])
  return createHash('sha256')
    .update(JSON.stringify([origin.text, agents, ways]))
    .digest('hex')
}
