/** Reads what a state file holds, whatever has become of it; state-file.ts says what it is like. */
import { OperatorError } from '../support/errors.js'
import { parseLine, parseRecord } from './line.js'

export const MAGIC = 'vhost-user-scmi state'
/** Of the first line and the records: one more whenever a part is saved in another shape. */
export const FORMAT = 2

export const ADVICE = 'remove it to begin anew, or give another file'

const LINE_END = 0x0a

/** Which platform a file is of. */
export interface StateOwner {
  /** For people. */
  platform: string
  /** Of equal platforms equal. */
  fingerprint: string
}

/** What a half holds. */
interface Half {
  generation: number
  records: unknown[]
  /** Of its lines, whole or not, those behind the records. */
  rest: string[]
  /** Bytes of the first of them. */
  tornBytes: number
}

/** The records, oldest first, and how many bytes behind them are a beginning of another one. Throws OperatorError. */
export function readRecords(
  bytes: Buffer,
  path: string,
  owner: StateOwner,
): { records: readonly unknown[]; tornBytes: number } {
  if (bytes.length === 0) return { records: [], tornBytes: 0 }
  const headEnd = bytes.indexOf(LINE_END) + 1
  const room = readHead(bytes.toString('utf8', 0, Math.max(headEnd - 1, 0)), path, owner)
  const halves = [0, 1].map(i => readHalf(bytes.subarray(headEnd + i * room, headEnd + (i + 1) * room)))
  const [older, newer] = halves.sort((a, b) => a.generation - b.generation) as [Half, Half]
  const isCurrent = (line: string): boolean => {
    const record = parseRecord(line)
    return record !== undefined && record.generation >= newer.generation
  }
  if (newer.rest.some(isCurrent) || older.rest.some(isCurrent)) {
    throw new OperatorError(`--state ${path}: is damaged in record ${newer.records.length + 1}; ${ADVICE}`)
  }
  return newer
}

/** What it says of the room for records. */
function readHead(line: string, path: string, owner: StateOwner): number {
  const head = (parseLine(line) ?? {}) as { [MAGIC]?: unknown; room?: unknown } & StateOwner
  const { [MAGIC]: format, room } = head
  const damaged = `--state ${path}: is no state file of this program, or damaged in line 1; ${ADVICE}`
  if (typeof format !== 'number') throw new OperatorError(damaged)
  if (format !== FORMAT) {
    const age = format > FORMAT ? 'a newer' : 'an older'
    const program = `${age} version of this program wrote it (format ${format}, this one has ${FORMAT})`
    throw new OperatorError(`--state ${path}: ${program}; start that one, ${ADVICE}`)
  }
  if (head.fingerprint !== owner.fingerprint) {
    const whose = head.platform === owner.platform ? `another version of ${owner.platform}` : head.platform
    throw new OperatorError(`--state ${path}: holds the state of another platform, ${whose}; ${ADVICE}`)
  }
  if (typeof room !== 'number' || !Number.isSafeInteger(room) || room <= 0) throw new OperatorError(damaged)
  return room
}

/** Records up to the first line that is not whole, or is of an earlier generation: it has not been written over yet. */
function readHalf(bytes: Buffer): Half {
  const lines = bytes.toString().split('\n')
  const generation = parseRecord(lines[0]!)?.generation ?? -1
  const records: unknown[] = []
  let end = 0
  for (const line of lines) {
    const record = parseRecord(line)
    if (record?.generation !== generation) break
    records.push(record.value)
    end += Buffer.byteLength(line) + 1
  }
  const lineEnd = bytes.indexOf(LINE_END, end)
  const tornBytes = Math.max((lineEnd < 0 ? bytes.length : lineEnd) - end, 0)
  return { generation, records, rest: lines.slice(records.length), tornBytes }
}
