/** Conversion between fault rules, the texts of the form, and text for people. */
import type { Data, Struct } from '../../operations/shapes.js'

/** Actions; `argument` labels the field that the form shows. */
export const ACTIONS = {
  drop: { label: 'drop it' },
  status: { label: 'answer with status', argument: 'Status' },
  delay: { label: 'delay it by', argument: 'Time' },
  hold: { label: 'hold it until released' },
  duplicate: { label: 'repeat it as events', argument: 'Times more' },
  reorder: { label: 'reverse the order of', argument: 'Messages' },
  truncate: { label: 'cut it to', argument: 'Bytes' },
  break: { label: 'break the command queue' },
} as const satisfies Record<string, { label: string; argument?: string }>

export type ActionName = keyof typeof ACTIONS

/** The texts of the form; empty: not given. */
export interface FaultTexts {
  on: string
  agent: string
  protocol: string
  message: string
  /** `clock_id=2 rate=1000` */
  where: string
  action: ActionName
  argument: string
  skip: string
  times: string
  probability: string
}

/** The rule in the form; the device checks it. */
export function ruleOf(texts: FaultTexts): Struct {
  const { on, agent, protocol, message, where, action, argument, skip, times, probability } = texts
  const asked = 'argument' in ACTIONS[action]
  const rule: Record<string, Data | undefined> = {
    on,
    agent: agent || undefined,
    protocol: protocol || undefined,
    message: message || undefined,
    where: whereOf(where),
    skip: numberOf(skip),
    times: numberOf(times),
    probability: numberOf(probability),
    [action]: asked ? (numberOf(argument) ?? '') : true,
  }
  return Object.fromEntries(Object.entries(rule).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])))
}

/** A number if the text is one; otherwise the text, which the device checks. */
function numberOf(text: string): Data | undefined {
  if (text.trim() === '') return undefined
  const number = Number(text)
  return Number.isFinite(number) ? number : text.trim()
}

function whereOf(text: string): Struct | undefined {
  const pairs = text.split(/[\s,]+/).filter(Boolean)
  if (pairs.length === 0) return undefined
  return Object.fromEntries(
    pairs.map(pair => {
      const [name = '', value = ''] = pair.split('=', 2)
      return [name, numberOf(value) ?? '']
    }),
  )
}

/** `response clock CLOCK_RATE_SET clock_id=2: drop (3 times)` */
export function ruleText({
  on = 'response',
  agent,
  protocol,
  message,
  where,
  skip,
  times,
  probability,
  ...does
}: Struct): string {
  const what = [agent && `${agent}:`, protocol ?? 'any', message ?? 'message', pairsText(where)]
    .filter(Boolean)
    .join(' ')
  const when = [
    skip !== undefined && `after ${skip}`,
    times !== undefined && `${times}×`,
    probability !== undefined && `probability ${probability}`,
  ].filter(Boolean)
  const effects = Object.entries(does).map(([key, value]) => (value === true ? key : `${key} ${textOf(value)}`))
  return `${on === 'response' ? '' : `${on} of `}${what}: ${effects.join(', ')}${when.length > 0 ? ` (${when.join(', ')})` : ''}`
}

function pairsText(where: Data | undefined): string {
  if (where === undefined || where === null || typeof where !== 'object') return ''
  return Object.entries(where)
    .map(([name, value]) => `${name}=${textOf(value)}`)
    .join(' ')
}

function textOf(value: Data): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
