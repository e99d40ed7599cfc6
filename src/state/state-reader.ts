/** Reads a state file, which may be damaged or hostile. state-file.ts describes the format. */
import { OperatorError } from '../support/errors.js'
import { parseLine, parseRecord } from './line.js'

export const MAGIC = 'vhost-user-scmi state'
/** Format of the first line and the records; incremented whenever a part is saved in another shape. */
export const FORMAT = 2

export const ADVICE = 'remove it to start over, or give another file'

const LINE_END = 0x0a

/** The platform that a file belongs to. */
export interface StateOwner {
  /** For people. */
  platform: string
  /** Equal for equal platforms. */
  fingerprint: string
}

/** What a half holds. */
interface Half {
  generation: number
  records: unknown[]
  /** The lines after the records, complete or not. */
  rest: string[]
  /** Bytes of the first of them. */
  tornBytes: number
}

/** The records, oldest first, and the number of bytes of an incomplete record after them. Throws OperatorError. */
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

/** Checks the first line. Returns the bytes that each half has for records. */
function readHead(line: string, path: string, owner: StateOwner): number {
  const head = (parseLine(line) ?? {}) as { [MAGIC]?: unknown; room?: unknown } & StateOwner
  const { [MAGIC]: format, room } = head
  const damaged = `--state ${path}: is not a state file of this program, or is damaged in line 1; ${ADVICE}`
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

/** Records up to the first line that is incomplete, or of an earlier generation and not overwritten yet. */
function readHalf(room: Buffer): Half {
  // What was never written is zero.
  let length = room.length
  while (length > 0 && room[length - 1] === 0) length--
  const bytes = room.subarray(0, length)
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
