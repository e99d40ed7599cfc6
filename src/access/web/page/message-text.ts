/** Messages as text: fields and times. */
import type { Data, MessageEntry, Struct } from '../../operations/shapes.js'

/** Names and texts of all fields; names of list entries contain their index. */
export function fieldsOf(payload: Struct | undefined): [field: string, value: string][] {
  return Object.entries(payload ?? {}).flatMap(([name, value]): [string, string][] => {
    if (!Array.isArray(value) || !value.every(entry => typeof entry === 'object')) return [[name, fieldText(value)]]
    return value.map((entry, i) => [`${name}[${i}]`, fieldText(entry)])
  })
}

/** Bytes in hex; other numbers in decimal and hex. */
function fieldText(value: Data): string {
  if (typeof value === 'number') return value > 9 ? `${value}  0x${value.toString(16)}` : String(value)
  if (Array.isArray(value)) {
    return value.map(one => (typeof one === 'number' ? one.toString(16).padStart(2, '0') : fieldText(one))).join(' ')
  }
  if (value === null || typeof value !== 'object') return String(value)
  return Object.entries(value)
    .map(([name, inner]) => `${name} ${typeof inner === 'number' ? inner : fieldText(inner)}`)
    .join(', ')
}

/** A short text of the fields. */
export function summary({ request, reply }: MessageEntry): string {
  const texts = [request, reply].map(payload =>
    fieldsOf(payload)
      .map(([name, value]) => `${name} ${value.split('  ', 1)[0]}`)
      .join(', '),
  )
  return texts.filter(text => text !== '').join(' → ')
}

/** `14:03:07.125` */
export function clockText(timeMs: number): string {
  const time = new Date(timeMs)
  const parts = [time.getHours(), time.getMinutes(), time.getSeconds()].map(part => String(part).padStart(2, '0'))
  return `${parts.join(':')}.${String(time.getMilliseconds()).padStart(3, '0')}`
}

export function tookText(us: number): string {
  return us < 1000 ? `${us.toFixed(us < 10 ? 1 : 0)} µs` : `${(us / 1000).toFixed(1)} ms`
}
