/** `ctl get`, `set` and `watch`. */
import type { ReadingEntry, SetReply } from '../../access/operations/shapes.js'
import { tableLines } from '../../observe/tables.js'
import { OperatorError } from '../../support/errors.js'
import {
  type CtlOptions,
  isPrintedRead,
  printJson,
  printJsonLine,
  printLine,
  untilInterrupted,
  withDevice,
} from './session.js'

/** More properties than any platform has. */
const UNREAD_MAX = 1 << 18

export async function get(addresses: string[], options: CtlOptions): Promise<void> {
  const { readings } = await withDevice(options, client => client.call('get', { addresses }))
  if (options.json) printJson(readings)
  else if (readings.length === 1 && addresses.length === 1) printLine(readings[0]?.shown ?? '')
  else console.log(tableLines(readings.map(({ address, shown }) => ({ address, value: shown }))).join('\n'))
}

export async function set(address: string, words: string[], options: CtlOptions): Promise<void> {
  const stray = words.find(word => /^-[^\d.]/.test(word))
  if (stray) throw new OperatorError(`unknown option '${stray}' (see --help)`)
  const reply = await withDevice(options, client => client.call('set', { address, value: words.join(' ') }))
  if (options.json) printJson(reply)
  else printLine(setText(reply))
}

function setText({ reading: { address, shown }, notified }: SetReply): string {
  const told = notified.length > 0 ? `, ${notified.join(', ')} notified` : ''
  return `${address} is ${shown}${told}`
}

/** One line per change: `12:30:05.123  sensor.cpu.value  85 °C`. */
export async function watch(addresses: string[], options: CtlOptions & { interval: number }): Promise<void> {
  /** While the output is not read: the newest value of each property. */
  const unread = new Map<string, ReadingEntry>()
  const print = (readings: Iterable<ReadingEntry>): void => {
    const time = new Date()
    for (const reading of readings) {
      if (options.json) printJsonLine({ time: time.toISOString(), ...reading })
      else printLine(`${clockText(time)}  ${reading.address}  ${reading.shown}`)
    }
  }
  const onReadings = ({ readings }: { readings: ReadingEntry[] }): void => {
    if (isPrintedRead()) print(readings)
    else if (unread.size < UNREAD_MAX) for (const reading of readings) unread.set(reading.address, reading)
  }
  process.stdout.on('drain', () => {
    const readings = [...unread.values()]
    unread.clear()
    print(readings)
  })
  const request = { addresses, interval_ms: options.interval }
  await withDevice(options, client => untilInterrupted(signal => client.stream('watch', request, onReadings, signal)))
}

/** Time of day with milliseconds. */
function clockText(time: Date): string {
  return `${time.toTimeString().slice(0, 8)}.${String(time.getMilliseconds()).padStart(3, '0')}`
}
