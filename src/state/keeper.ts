/**
 * Keeps a platform's state in a file, so that a process that takes over finds it as the last answered message left it: the
 * state of resources, and what agents have negotiated, subscribed to and wait for.
 *
 * Each record has what differs from the records before: results, not commands, because they can be put in place in any
 * order and without time running, and because a file that has grown long is then replaced by what is true now. Records are
 * written before the replies they belong to are published: no answered change is lost. The other way round, a change may
 * be in the file whose reply was never published: a front end that resumes its ring sends that message once more. So a
 * record also has the replies of the batch that it comes from (DeviceKeeper).
 */
import { createHash } from 'node:crypto'
import type { Device } from '../device.js'
import { errorCode, OperatorError } from '../errors.js'
import type { PlatformOrigin } from '../load.js'
import type { Logger } from '../log.js'
import type { Kept, Saved } from '../platform/kept.js'
import type { Platform } from '../platform/platform.js'
import type { Protocol } from '../protocols/protocol.js'
import { type Answered, DeviceKeeper } from './device-keeper.js'
import { partsOf } from './parts.js'
import { StateFile } from './state-file.js'

/** A record of the file. */
interface Entry {
  /** What has changed, by the names of parts. */
  state?: Record<string, Saved>
  /** The last batch that changed something, by agent; null: it is too old to matter. */
  answered?: Record<string, Answered | null>
}

interface Part {
  name: string
  part: Kept
  /** What the file says of it, as JSON. */
  text: string
}

export interface KeeperOptions {
  platform: Platform
  protocols: readonly Protocol[]
  origin: PlatformOrigin
  devices: readonly Device[]
  log: Logger
}

export class Keeper {
  /** Whether the file had state of an earlier process. */
  readonly resumed: boolean
  readonly #file: StateFile<Entry>
  readonly #log: Logger
  readonly #parts: readonly Part[]
  readonly #devices: readonly DeviceKeeper[]
  #failed = false
  #closed = false

  /** Restores what the file has, and writes it anew. Throws OperatorError if it is of no use. */
  constructor(path: string, options: KeeperOptions) {
    const { platform, protocols, devices, origin, log } = options
    const owner = { platform: origin.name, fingerprint: fingerprintOf(options) }
    this.#file = StateFile.open(path, owner)
    this.#log = log
    const agents = devices.map(({ agent }) => agent)
    const parts = partsOf(platform, protocols, agents)
    for (const { agent, events } of devices) parts.push([`agents/${agent.name}/events`, events])
    this.#parts = parts.map(([name, part]) => ({ name, part, text: '' }))
    this.#devices = devices.map(device => new DeviceKeeper(device, () => this.commit()))
    this.resumed = this.#file.records.length > 0
    if (this.#file.tornBytes > 0) log.warn(`${path}: dropped ${this.#file.tornBytes} bytes that were not whole`)
    try {
      this.#restore()
      this.#rewrite()
    } catch (error) {
      this.#file.close()
      if (errorCode(error) === undefined) throw error
      throw new OperatorError(
        `--state ${path}: ${(error as Error).message}; give a file in a folder that can be written`,
      )
    }
    for (const [i, device] of devices.entries()) device.keepWith(this.#devices[i]!)
  }

  #restore(): void {
    const state: Record<string, Saved> = Object.assign({}, ...this.#file.records.map(record => record.state))
    const answered = Object.assign({}, ...this.#file.records.map(record => record.answered))
    for (const { name, part } of this.#parts) if (state[name] !== undefined) part.restore(state[name])
    for (const keeper of this.#devices) keeper.restore(answered[keeper.name])
  }

  /** Writes what has changed since the last time. Nobody is told if that fails but the log: guests can't help it. */
  commit(): void {
    if (this.#closed) return
    try {
      if (this.#failed || this.#file.isLong) this.#rewrite()
      else this.#append()
      this.#failed = false
    } catch (error) {
      if (!this.#failed) this.#log.error(`the state can't be kept until this is mended: ${(error as Error).message}`)
      this.#failed = true
    }
  }

  #append(): void {
    const state = this.#changes()
    const answered = this.#answered(keeper => keeper.isNews)
    if (Object.keys(state).length + Object.keys(answered).length > 0) this.#file.append({ state, answered })
  }

  #rewrite(): void {
    for (const part of this.#parts) part.text = ''
    this.#file.rewrite({ state: this.#changes(), answered: this.#answered(() => true) })
  }

  #changes(): Record<string, Saved> {
    const changes: Record<string, Saved> = {}
    for (const part of this.#parts) {
      const saved = part.part.save()
      const text = JSON.stringify(saved)
      if (text === part.text) continue
      part.text = text
      changes[part.name] = saved
    }
    return changes
  }

  #answered(which: (keeper: DeviceKeeper) => boolean): Record<string, Answered | null> {
    const chosen = this.#devices.filter(which)
    return Object.fromEntries(chosen.map(keeper => [keeper.name, keeper.takeAnswered()]))
  }

  close(): void {
    this.commit()
    this.#closed = true
    this.#file.close()
  }
}

/** What must be equal for a state to fit: the platform file, and who talks to it in which ways. */
function fingerprintOf({ origin, protocols, devices }: KeeperOptions): string {
  const agents = devices.map(({ agent }) => [agent.id, agent.name])
  const ways = protocols.map(({ id, name, versions }) => [id, name, versions])
  return createHash('sha256')
    .update(JSON.stringify([origin.text, agents, ways]))
    .digest('hex')
}
