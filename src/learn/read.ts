/** Reads trace files: the text of the kernel's events, or one of our own traces. Throws OperatorError, one line each. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { OperatorError } from '../support/errors.js'
import { whyUnreadable } from '../support/path-error.js'
import type { Progress } from '../support/progress.js'
import { PACKET_TAG } from '../trace/perfetto.js'
import { type Recording, readTrace, type TracedMessage } from '../trace/reader.js'
import { HEADER_SIZE, messageIdOf, protocolIdOf, REPLY_MIN } from '../wire/header.js'
import type { Exchange, Heard } from './exchange.js'
import { EXCHANGES_MAX, KernelText, TooMuch } from './kernel-text.js'
import { restored } from './overtaken.js'

const CHUNK = 1 << 20
/** A boot's events have a few megabytes. */
const FILE_MAX = 1 << 30
const TRACE_MAX = 256 << 20
const LINE_MAX = 1 << 20
/** First bytes of files that people send by mistake. */
const TRACE_DAT = '\x17\x08\x44tracing'
/** Lowest byte of a text. */
const TAB = 0x09
const GZIP = '\x1f\x8b'

export interface ReadOptions {
  /** Number of the kernel's SCMI instance; default: the first. */
  instance?: string
  /** The agent of one of our traces; default: the first. */
  agent?: string
  progress: Progress
}

/** The content of these files, one after the other: traces of the same board. */
export function readTraces(paths: readonly string[], options: ReadOptions): Heard {
  const heard: Heard = { exchanges: [], remarks: [], plugins: [] }
  for (const path of paths) {
    const more = readOne(path, options)
    if (heard.exchanges.length + more.exchanges.length > EXCHANGES_MAX) throw tooMuch(path)
    for (const exchange of more.exchanges) heard.exchanges.push(exchange)
    heard.remarks.push(...more.remarks.map(remark => `${path}: ${remark}`))
    heard.plugins.push(...more.plugins)
  }
  return heard
}

const tooMuch = (path: string): OperatorError =>
  new OperatorError(`${path}: has more messages than can be learned from; leave out what follows the boot`)

function readOne(path: string, options: ReadOptions): Heard {
  const fd = openGiven(path)
  try {
    const start = Buffer.alloc(16)
    const length = read(fd, start, path)
    const head = start.subarray(0, length)
    const size = fstatSync(fd).size
    if (head[0] === PACKET_TAG && head.some(byte => byte < TAB)) return ownTrace(path, size, options)
    const text = head.toString('latin1')
    if (text.startsWith(TRACE_DAT)) {
      throw new OperatorError(`${path}: is a trace.dat; give the text that "trace-cmd report ${path}" prints`)
    }
    if (text.startsWith(GZIP)) throw new OperatorError(`${path}: is compressed; give what gunzip makes of it`)
    return kernelTrace(path, fd, head, options)
  } finally {
    closeSync(fd)
  }
}

function openGiven(path: string): number {
  try {
    // Without O_NONBLOCK, opening a pipe would wait for a writer.
    const fd = openSync(path, /^\/dev\/(stdin$|fd\/)/.test(path) ? 'r' : constants.O_RDONLY | constants.O_NONBLOCK)
    const stat = fstatSync(fd)
    if (stat.isDirectory()) throw new OperatorError(`${path}: is a folder; give a file`)
    if (stat.isFile() || /^\/dev\/(stdin$|fd\/)/.test(path)) return fd
    closeSync(fd)
  } catch (error) {
    throw error instanceof OperatorError ? error : new OperatorError(`${path}: ${whyUnreadable(error)}`)
  }
  throw new OperatorError(`${path}: is not a file`)
}

function read(fd: number, buffer: Buffer, path: string): number {
  try {
    return readSync(fd, buffer)
  } catch (error) {
    throw new OperatorError(`${path}: ${whyUnreadable(error)}`)
  }
}

/** The text line by line, whatever its size. */
function* linesOf(path: string, fd: number, head: Buffer, { progress }: ReadOptions): Generator<string> {
  const size = fstatSync(fd).size
  const chunk = Buffer.alloc(CHUNK)
  let rest = head.toString('latin1')
  for (let total = head.length; ; ) {
    const length = read(fd, chunk, path)
    total += length
    if (total > FILE_MAX) throw new OperatorError(`${path}: is larger than ${FILE_MAX} bytes`)
    const lines = (rest + chunk.toString('latin1', 0, length)).split('\n')
    rest = length === 0 ? '' : lines.pop()!
    if (rest.length > LINE_MAX)
      throw new OperatorError(`${path}: not a text: a line is longer than ${LINE_MAX} characters`)
    yield* lines
    if (length === 0) return
    progress.update(`reading ${path}`, size > 0 ? total / size : undefined)
  }
}

function kernelTrace(path: string, fd: number, head: Buffer, options: ReadOptions): Heard {
  const text = new KernelText(options.instance)
  try {
    for (const line of linesOf(path, fd, head, options)) text.line(line)
  } catch (error) {
    throw error instanceof TooMuch ? tooMuch(path) : error
  }
  if (text.exchanges.length === 0) throw new OperatorError(`${path}: ${whyNothing(text)}`)
  const { exchanges, dropped, guessed } = restored(text.exchanges, text.overtaken)
  return { exchanges, remarks: remarksOn(text, dropped, guessed), plugins: [] }
}

function whyNothing({ events, unreadable, others }: KernelText): string {
  if (others.size > 0) return `the kernel has no such SCMI instance; it has ${[...others.keys()].join(', ')}`
  if (unreadable > 0)
    return 'scmi_msg_dump has no payload that can be read; use a newer trace-cmd, or the text of trace'
  if (events > 0) return 'has SCMI events, but no scmi_msg_dump with an answer; Linux has it from 6.0 on'
  return "neither a trace of vhost-user-scmi nor a text with the kernel's SCMI events; see platform record"
}

function remarksOn(text: KernelText, dropped: number, guessed: number): string[] {
  const { lost, replacedEvents, unreadable, unanswered, others } = text
  const other = [...others].map(([id, count]) => `instance ${id} (${count} messages)`).join(', ')
  return [
    ...(lost > 0 ? [`events were lost in ${lost} places; use a larger trace_buf_size`] : []),
    ...(replacedEvents > 0
      ? [`the first ${replacedEvents} events are missing: the buffer was full; use a larger trace_buf_size`]
      : []),
    ...(unreadable > 0 ? [`${unreadable} messages can't be read`] : []),
    ...(unanswered > 0 ? [`${unanswered} commands got no answer`] : []),
    ...(guessed > 0
      ? [`${guessed} requests were overwritten by their answers, and follow from those around them`]
      : []),
    ...(dropped > 0 ? [`${dropped} requests were overwritten by their answers, and are left out`] : []),
    ...(other ? [`there is another SCMI instance, which --instance selects: ${other}`] : []),
  ]
}

function ownTrace(path: string, size: number, { agent: wanted }: ReadOptions): Heard {
  if (size > TRACE_MAX) throw new OperatorError(`${path}: is larger than ${TRACE_MAX} bytes`)
  const { about, events }: Recording = readTrace(path)
  const agent = wanted ?? about.agents[0]
  if (wanted !== undefined && !about.agents.includes(wanted)) {
    throw new OperatorError(`${path}: has no agent ${wanted}; it has ${about.agents.join(', ')}`)
  }
  const commands = events.flatMap(event =>
    event.what === 'message' && event.kind === 'command' && event.agent === agent ? event : [],
  )
  const exchanges = commands.flatMap(command => exchangeOf(command) ?? [])
  if (exchanges.length === 0) throw new OperatorError(`${path}: has no answered command of agent ${agent}`)
  return { exchanges, remarks: [], plugins: [...(about.origin.plugins ?? [])] }
}

function exchangeOf({ requestBytes, replyBytes, timeNs, answeredNs, delayed }: TracedMessage): Exchange | undefined {
  if (requestBytes.length < HEADER_SIZE || replyBytes.length < REPLY_MIN) return undefined
  const header = viewOf(requestBytes).getUint32(0, true)
  return {
    protocolId: protocolIdOf(header),
    messageId: messageIdOf(header),
    request: requestBytes.subarray(HEADER_SIZE),
    status: viewOf(replyBytes).getInt32(HEADER_SIZE, true),
    reply: replyBytes.subarray(REPLY_MIN),
    tookNs: answeredNs === undefined ? undefined : answeredNs - timeNs,
    ...(delayed?.answeredNs === undefined ? {} : { delayedNs: delayed.answeredNs - delayed.timeNs }),
  }
}

const viewOf = ({ buffer, byteOffset, length }: Uint8Array): DataView => new DataView(buffer, byteOffset, length)
