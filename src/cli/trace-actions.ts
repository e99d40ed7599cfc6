/** The actions of the `trace` commands. */
import { once } from 'node:events'
import { FailedError } from '../support/errors.js'
import { printable, printableJson } from '../support/printable.js'
import { diffRecordings } from '../trace/diff.js'
import { MessageFilter } from '../trace/filter.js'
import { eventJson, messageJson } from '../trace/json.js'
import { type Recording, readTrace, type TracedEvent } from '../trace/reader.js'
import { type Difference, replay } from '../trace/replay.js'
import { TraceText } from '../trace/text.js'

export interface ShowOptions {
  filter: string[]
  values: boolean
  json: boolean
}

export interface ReplayCommandOptions {
  platform?: string
  plugin: string[]
  ignore: string[]
  json: boolean
}

export interface DiffOptions {
  ignore: string[]
  json: boolean
}

const isTerminal = process.stdout.isTTY === true

export async function show(file: string, options: ShowOptions): Promise<void> {
  const filter = new MessageFilter(options.filter)
  const recording = readTrace(file)
  const began = beginningOf(recording)
  const text = new TraceText(began, recording.about.agents, isTerminal)
  for (const event of recording.events) {
    if (!isWanted(event, options, filter)) continue
    // Without waiting, Node would buffer the whole output.
    if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain')
    console.log(options.json ? eventJson(event, began) : text.line(event))
  }
  filter.check()
  if (!recording.complete) console.error(printable(`${file}: incomplete: the recording was cut off`))
}

const beginningOf = ({ events }: Recording): number => events[0]?.timeNs ?? 0

/** Delayed responses are shown with their command, if that is in the trace. */
function isWanted(event: TracedEvent, options: ShowOptions, filter: MessageFilter): boolean {
  if (event.what === 'value') return options.values
  if (event.what === 'moment') return options.filter.length === 0
  if (event.kind === 'delayed response' && event.joined) return false
  return filter.passes(event)
}

export async function replayFile(file: string, options: ReplayCommandOptions): Promise<void> {
  const recording = readTrace(file)
  const { platform } = options
  const result = await replay(recording, {
    ...(platform === undefined ? {} : { platform }),
    plugins: options.plugin,
    ignored: new Set(options.ignore),
  })
  const { commands, events, skipped, differences } = result
  if (options.json) console.log(printableJson({ ...result, differences: differences.map(differenceJson) }, 2, bigText))
  else printDifferences(recording, differences)
  const faults = skipped > 0 ? `, without ${skipped} changed by fault rules` : ''
  const what = `${commands} commands and ${events} events${faults}`
  const on = platform ?? recording.about.origin.name
  if (differences.length > 0) throw new FailedError(`${differences.length} of ${what} differ on ${on}`)
  if (!options.json) console.log(printable(`${what}: the same on ${on}`))
}

const bigText = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)

function differenceJson({ traced, replayed, fields }: Difference): object {
  return {
    fields,
    ...(traced ? { traced: messageJson(traced) } : {}),
    ...(replayed ? { replayed: messageJson(replayed) } : {}),
  }
}

/** As traced (-) and as replayed (+). */
function printDifferences(recording: Recording, differences: readonly Difference[]): void {
  const text = new TraceText(beginningOf(recording), recording.about.agents, isTerminal)
  for (const { traced, replayed, fields } of differences) {
    if (traced) console.log(text.removed(text.line({ ...traced, delayed: undefined })))
    if (traced && replayed) console.log(text.added(`${text.answer(replayed)}  (${fields.join(', ')})`))
    else if (replayed) console.log(text.added(text.line(replayed)))
  }
}

export function diffFiles(file: string, other: string, options: DiffOptions): void {
  const [one, two] = [readTrace(file), readTrace(other)]
  const groups = diffRecordings(one, two, new Set(options.ignore))
  const changes = groups.flatMap(({ changes }) => changes)
  if (options.json) console.log(printableJson(groups.map(groupJson), 2, bigText))
  else {
    const text = new TraceText(0, [...one.about.agents, ...two.about.agents], isTerminal)
    for (const { agent, protocol, changes } of groups) {
      console.log(text.title(`${agent} ${protocol}`))
      for (const { sign, message } of changes) {
        const line = text.message(message)
        console.log(sign === '-' ? text.removed(line) : text.added(line))
      }
    }
  }
  if (changes.length > 0) throw new FailedError(`${changes.length} messages are only in one of ${file} and ${other}`)
  if (!options.json) console.log(printable(`${file} and ${other}: the same messages`))
}

function groupJson({ agent, protocol, changes }: ReturnType<typeof diffRecordings>[number]): object {
  return { agent, protocol, changes: changes.map(({ sign, message }) => ({ sign, ...messageJson(message) })) }
}
