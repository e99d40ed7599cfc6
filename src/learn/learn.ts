/**
 * Learns a platform file from traces: a model first; then the model answers the commands of the traces, and what it answers
 * otherwise is added, until the file answers as the board did, or the file says what differs.
 */
import { addPlugins, type LoadedPlatform, loadPlatform } from '../loading/load.js'
import { ConfigError } from '../platform/core/config-error.js'
import { VirtualTime } from '../platform/core/time.js'
import { BASE } from '../protocols/declaration/define-protocol.js'
import type { Protocol } from '../protocols/declaration/protocol.js'
import { protocols as standard } from '../protocols/index.js'
import { FailedError } from '../support/errors.js'
import type { Progress } from '../support/progress.js'
import type { Board } from './board.js'
import { mismatches } from './compare.js'
import type { Draft } from './draft.js'
import { addAnswers, addRecorded, recordAll } from './exceptions.js'
import type { Heard } from './exchange.js'
import { modelOf } from './model.js'
import { footOf, headOf } from './remarks.js'
import type { Told } from './told.js'
import { platformText } from './write.js'

/** Keys of entries that no platform can have are left out, one after the other. */
const REPAIRS_MAX = 200
/** Files of thousands of resources take a second to load. */
const REPAIRS_MS = 30_000

export interface Learned {
  text: string
  /** Messages of the traces. */
  messages: number
  /** Messages that the learned platform answers otherwise. */
  differing: number
  recorded: number
  remarks: string[]
  platform: LoadedPlatform
}

export interface LearnOptions {
  /** Plug-ins whose protocols are known by name. */
  plugins: readonly string[]
  /** Names of the traces, for the file. */
  names: readonly string[]
  progress: Progress
}

/** Throws OperatorError, or FailedError if nothing can be made of the traces. */
export async function learn(heard: Heard, { plugins, names, progress }: LearnOptions): Promise<Learned> {
  const protocols = await addPlugins(standard, plugins)
  const { exchanges } = heard
  progress.update('describing the board')
  const { board, told } = modelOf(exchanges, protocols)
  board.plugins.push(...plugins)
  board.head = headOf(heard, names)
  await loaded(board)
  recordUnmodelled(board, exchanges, told, protocols)
  progress.update('asking it what the board was asked')
  const notAnswered = addAnswers(board, mismatches(await loaded(board), told, exchanges))
  const left = notAnswered.length > 0 ? addRecorded(board, mismatches(await loaded(board), told, exchanges)) : []
  progress.update('asking it again')
  const rest = left.length + board.recorded.length > 0 ? mismatches(await loaded(board), told, exchanges) : []
  const others = rest.filter(({ told: { protocol } }) => isModelled(board, protocol))
  board.foot = footOf(others)
  const platform = await loaded(board)
  const recorded = board.recorded.filter(({ message }) => message !== undefined).length
  const text = platformText(board)
  return { text, messages: exchanges.length, differing: others.length, recorded, remarks: heard.remarks, platform }
}

const isModelled = ({ sections }: Board, { id, resource }: Protocol): boolean =>
  id === BASE || sections.some(({ key }) => key === resource?.section)

/** Protocols that have no section are recorded as a whole; those that are only listed are named. */
function recordUnmodelled(
  board: Board,
  exchanges: Heard['exchanges'],
  told: ReadonlyMap<number, Told>,
  protocols: readonly Protocol[],
): void {
  const declared = new Map(protocols.map(protocol => [protocol.id, protocol]))
  const nameOf = (id: number): string | number => declared.get(id)?.name ?? id
  const isOurs = (id: number): boolean => {
    const protocol = declared.get(id)
    return protocol !== undefined && isModelled(board, protocol)
  }
  const seen = [...new Set(exchanges.map(({ protocolId }) => protocolId))].sort((a, b) => a - b)
  for (const id of seen.filter(id => !isOurs(id))) {
    const own = exchanges.filter(({ protocolId }) => protocolId === id)
    board.recorded.push(...recordAll(nameOf(id), own, told.get(id)))
  }
  const listed =
    told
      .get(BASE)
      ?.list('BASE_DISCOVER_LIST_PROTOCOLS', undefined)
      ?.entries.map(({ id }) => Number(id)) ?? []
  for (const id of listed.filter(id => id > BASE && !seen.includes(id))) {
    board.recorded.push({ protocol: nameOf(id), note: 'listed; not seen' })
  }
}

/** The platform of the file as it is so far, without what no platform can have. */
async function loaded(board: Board): Promise<LoadedPlatform> {
  const began = Date.now()
  for (let i = 0; ; i++) {
    try {
      return await loadPlatform({ text: platformText(board), name: 'the learned file' }, { time: new VirtualTime() })
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      if (i === REPAIRS_MAX || Date.now() - began > REPAIRS_MS || !repaired(board, error))
        throw new FailedError(`the board can't be described by a platform file: ${error.message}`)
    }
  }
}

/** Takes out the key that an error is about, or the entry. */
function repaired(board: Board, { path, problem }: ConfigError): boolean {
  const { sections } = board
  const [key, ...rest] = path
  const list = typeof rest[0] === 'string' ? String(rest.shift()) : undefined
  const [position, field] = rest
  const section = sections.find(other => other.key === key && other.list === list)
  const draft: Draft | undefined = section?.drafts[Number(position)]
  if (!section || !draft) return false
  const isNeeded = typeof field !== 'string' || field === 'name' || !(field in draft.values)
  if (isNeeded) {
    section.drafts.splice(Number(position), 1)
    section.notes.push(`${draft.name} (id ${draft.id}) can't be described: ${problem}`)
    // A section can't be empty; its protocol is recorded as a whole then.
    if (section.drafts.length === 0) board.sections = sections.filter(other => other !== section)
  } else {
    delete draft.values[field]
    draft.note(`its ${field} can't be described: ${problem}`)
  }
  return true
}
