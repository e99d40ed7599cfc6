/** Which messages a rule matches, and the errors of a wrong rule. */
import { describe, expect, it } from 'vitest'
import { hasValues, viewOf } from '../../../src/faults/edit.js'
import { Faults } from '../../../src/faults/faults.js'
import { compileRule } from '../../../src/faults/rules/compile.js'
import type { EventMessage, FaultRule, MessageKind } from '../../../src/faults/rules/rule.js'
import type { Protocol } from '../../../src/protocols/declaration/protocol.js'
import { protocols } from '../../../src/protocols/index.js'
import { OperatorError } from '../../../src/support/errors.js'
import { packHeader } from '../../../src/wire/header.js'

/** The values of `where` against a payload. */
function where(message: string, wanted: Record<string, string | number>, words: number[]): boolean {
  const all: readonly Protocol[] = protocols
  const { match } = compileRule({ message, where: wanted, drop: true }, { protocols, agents: [] })
  const command = all.flatMap(({ commands }) => commands).find(({ name }) => name === message)!
  return hasValues(viewOf(new Uint8Array(Uint32Array.from(words).buffer)), command.request, match.wanted!)
}

const BASE = 0x10
const CLOCK = 0x14
const SENSOR = 0x15
const RATE_GET = 0x6

const faultsWith = (...rules: FaultRule[]): Faults => {
  const faults = new Faults(protocols, ['guest', 'scp'])
  for (const rule of rules) faults.add(rule)
  return faults
}

/** Whether a rule matches a message. */
function takes(
  faults: Faults,
  protocol: number,
  message: number,
  more: { agent?: string; token?: number; on?: MessageKind; fields?: boolean } = {},
): boolean {
  const { agent = 'guest', token = 0, on = 'response', fields = true } = more
  return faults.take(on, agent, packHeader(protocol, message, 0, token), () => fields) !== undefined
}

describe('a rule matches', () => {
  it('every message, if it names none', () => {
    const faults = faultsWith({ drop: true })
    expect([takes(faults, BASE, 0), takes(faults, 0xff, 0xff), takes(faults, CLOCK, RATE_GET)]).toEqual([
      true,
      true,
      true,
    ])
  })

  it.each<Partial<FaultRule>>([
    { protocol: 'clock', message: 'CLOCK_RATE_GET' },
    { protocol: CLOCK, message: RATE_GET },
    { protocol: '0x14', message: '6' },
    { message: 'CLOCK_RATE_GET' },
  ])('one message: %o', match => {
    const faults = faultsWith({ ...match, drop: true })
    expect(takes(faults, CLOCK, RATE_GET)).toBe(true)
    for (const [protocol, message] of [
      [CLOCK, 7],
      [SENSOR, RATE_GET],
      [BASE, RATE_GET],
    ] as const) {
      expect(takes(faults, protocol, message)).toBe(false)
    }
  })

  it('a message of every protocol that has it', () => {
    const faults = faultsWith({ message: 'PROTOCOL_VERSION', drop: true })
    expect([takes(faults, BASE, 0), takes(faults, CLOCK, 0), takes(faults, 0x99, 0), takes(faults, CLOCK, 1)]).toEqual([
      true,
      true,
      false,
      false,
    ])
  })

  it('a message by its number in any protocol, served or not', () => {
    const faults = faultsWith({ message: 6, drop: true })
    expect([takes(faults, CLOCK, 6), takes(faults, 0x99, 6), takes(faults, CLOCK, 7)]).toEqual([true, true, false])
  })

  it('messages of protocols that are not served, by number', () => {
    const faults = faultsWith({ protocol: 0x99, message: 3, drop: true })
    expect([takes(faults, 0x99, 3), takes(faults, 0x99, 2)]).toEqual([true, false])
  })

  it('messages of one agent, with one token, with certain values, of one kind', () => {
    const faults = faultsWith({ agent: 'scp', message: 'CLOCK_RATE_GET', token: 5, where: { clock_id: 1 }, drop: true })
    const right = { agent: 'scp', token: 5 }
    expect(takes(faults, CLOCK, RATE_GET, right)).toBe(true)
    for (const wrong of [{ agent: 'guest' }, { token: 6 }, { fields: false }, { on: 'delayed' as const }]) {
      expect(takes(faults, CLOCK, RATE_GET, { ...right, ...wrong })).toBe(false)
    }
  })

  it('none of the first `skip`, then `times`, and counts them', () => {
    const faults = faultsWith({ protocol: 'clock', skip: 2, times: 3, drop: true })
    expect(takes(faults, BASE, 0)).toBe(false)
    expect(Array.from({ length: 7 }, () => takes(faults, CLOCK, 0))).toEqual([
      false,
      false,
      true,
      true,
      true,
      false,
      false,
    ])
    expect(faults.list()).toMatchObject([{ id: 1, hits: 3, active: false }])
  })

  it('messages at random, the same ones for the same seed', () => {
    const hits = (seed?: number) => {
      const faults = faultsWith({ probability: 0.25, drop: true, ...(seed === undefined ? {} : { seed }) })
      return Array.from({ length: 1000 }, () => takes(faults, CLOCK, 0))
    }
    expect(hits(7)).toEqual(hits(7))
    expect(hits()).toEqual(hits(0))
    expect(hits(7)).not.toEqual(hits(8))
    const count = hits(7).filter(Boolean).length
    expect(count).toBeGreaterThan(200)
    expect(count).toBeLessThan(300)
  })

  it('none with probability 0, all with probability 1', () => {
    expect(takes(faultsWith({ probability: 0, drop: true }), CLOCK, 0)).toBe(false)
    expect(takes(faultsWith({ probability: 1, drop: true }), CLOCK, 0)).toBe(true)
  })

  it('messages that no earlier rule matches', () => {
    const faults = faultsWith({ protocol: 'clock', times: 1, drop: true }, { drop: true })
    takes(faults, CLOCK, 0)
    takes(faults, CLOCK, 0)
    expect(faults.list().map(({ hits }) => hits)).toEqual([1, 1])
  })
})

describe('where', () => {
  it.each<[number | string, number[]]>([
    [5, [5]],
    ['5', [5]],
    ['0x5', [5]],
    ['5..7', [5, 6, 7]],
    ['0x5..0x7', [5, 6, 7]],
    ['-1..1', [0, 1]],
    ['7..7', [7]],
  ])('clock_id: %s', (wanted, matching) => {
    const ids = Array.from({ length: 10 }, (_, id) => id)
    expect(ids.filter(id => where('CLOCK_RATE_GET', { clock_id: wanted }, [id]))).toEqual(matching)
  })

  it('has all of several fields, also those of 64 bits', () => {
    const wanted = { clock_id: '1..2', rate: `${2 ** 32}..${2 ** 33}` }
    const set = (id: number, high: number) => where('CLOCK_RATE_SET', wanted, [0, id, 0, high])
    expect([set(1, 1), set(2, 2), set(3, 1), set(1, 0), set(1, 3)]).toEqual([true, true, false, false, false])
  })
})

describe('the list of rules', () => {
  it('is plain data: each rule as it was added, its hits, and whether it is active', () => {
    const rule: FaultRule = { protocol: 'clock', delay: '5 ms', times: 1 }
    const faults = faultsWith(rule)
    expect(JSON.parse(JSON.stringify(faults.list()))).toEqual([{ id: 1, rule, hits: 0, held: 0, active: true }])
  })

  it('knows which kinds of message rules wait for: none once all rules are used up or removed', () => {
    const faults = faultsWith({ times: 1, drop: true }, { on: 'delayed', message: 'CLOCK_RATE_SET', drop: true })
    expect(faults.awaited).toEqual({ response: true, delayed: true, notification: false })
    takes(faults, CLOCK, 0)
    expect(faults.awaited).toEqual({ response: false, delayed: true, notification: false })
    faults.clear()
    expect(faults.awaited).toEqual({ response: false, delayed: false, notification: false })
    expect(faults.list()).toEqual([])
  })

  it('never reuses an id', () => {
    const faults = faultsWith({ drop: true })
    faults.remove(1)
    expect(faults.add({ drop: true }).id).toBe(2)
  })

  it('refuses ids that it does not have', () => {
    expect(() => faultsWith().remove(1)).toThrow('there is no fault rule 1; there are none')
    expect(() => faultsWith({ drop: true }, { drop: true }).release(7)).toThrow(
      'there is no fault rule 7; there are 1, 2',
    )
  })
})

const RATE_GET_RULE = { protocol: 'clock', message: 'CLOCK_RATE_GET' }

describe('a wrong rule', () => {
  it.each<[unknown, string]>([
    [{}, 'it does nothing; give at least one of drop, delay, hold, reorder, duplicate, break, execute, status'],
    [{ drop: 1 }, 'drop: 1 is not one of true'],
    [{ drop: true, tims: 3 }, 'tims: is not a known key; did you mean times? Known keys: on, agent'],
    [{ drop: true, agent: 'gest' }, 'agent: gest is not one of guest, scp'],
    [{ drop: true, protocol: 'clok' }, 'protocol: clok is not one of base, power, system, perf, clock'],
    [{ drop: true, protocol: 256 }, 'protocol: 256 is too large; at most 255'],
    [
      { drop: true, protocol: 'clock', message: 'CLOCK_RATE_GETT' },
      'message: CLOCK_RATE_GETT is unknown; did you mean CLOCK_RATE_GET?',
    ],
    [{ drop: true, message: 'CLOCK_RATE_CHANGED' }, 'message: CLOCK_RATE_CHANGED is a notification, not a command'],
    [{ drop: true, message: 'SPEED_SET' }, 'message: no protocol has a command SPEED_SET; name the protocol as well'],
    [{ on: 'later', drop: true }, 'on: later is not one of response, delayed, notification'],
    [
      { on: 'delayed', drop: true, protocol: 'clock', message: 'CLOCK_RATE_GET' },
      'message: CLOCK_RATE_GET is a command, not a command with a delayed response',
    ],
    [
      { on: 'delayed', drop: true, protocol: 'base', message: 'X' },
      'message: X is unknown: base has no command with a delayed response',
    ],
    [{ on: 'notification', status: 'BUSY' }, "status: can't be used with on: notification"],
    [{ on: 'delayed', break: true }, "break: can't be used with on: delayed"],
    [{ drop: true, token: 1024 }, 'token: 1024 is too large; at most 1023'],
    [{ drop: true, times: 0 }, 'times: 0 is too small; at least 1'],
    [{ drop: true, probability: 1.5 }, 'probability: 1.5 is too large; at most 1'],
    [{ drop: true, delay: '5 ms' }, "delay: can't be combined with drop"],
    [{ hold: true, reorder: 3 }, "reorder: can't be combined with hold"],
    [{ drop: true, truncate: 4 }, 'truncate: has no effect together with drop: the message never arrives'],
    [{ delay: 'soon' }, 'delay: soon is not a duration; write a number of microseconds or e.g. "5 ms"'],
    [{ status: 'BUSSY' }, 'status: BUSSY is unknown; did you mean BUSY?'],
    [{ status: 1.5 }, 'status: '],
    [
      { header: { token: 'next' } },
      'header.token: next is not a token; write a number from 0 to 1023, or one such as "+1"',
    ],
    [
      { header: { tokn: 1 } },
      'header.tokn: is not a known key; did you mean token? Known keys: token, protocol, message, type',
    ],
    [{ words: { x: 1 } }, 'words.x: is not a position; write a number from 0 to 9999'],
    [{ bytes: { 0: 256 } }, 'bytes.0: 256 is too large; at most 255'],
    [{ fields: { rate: 1 } }, 'fields: needs a message'],
    [{ ...RATE_GET_RULE, fields: { rat: 1 } }, 'fields.rat: unknown field; there are rate'],
    [{ ...RATE_GET_RULE, fields: { rate: 'fast' } }, 'fields.rate: fast is not a whole number'],
    [{ ...RATE_GET_RULE, drop: true, where: { rate: 1 } }, 'where.rate: unknown field; there are clock_id'],
    [{ drop: true, where: { clock_id: 1 } }, 'where: needs a message'],
    [
      { ...RATE_GET_RULE, drop: true, where: { clock_id: '9..1' } },
      'where.clock_id: 9..1 is not a range, which begins with its smallest value; write e.g. 10, or 10..20',
    ],
    [
      { ...RATE_GET_RULE, drop: true, where: { clock_id: 'uart' } },
      'where.clock_id: uart is not a whole number or a range; write e.g. 10, or 10..20',
    ],
    [
      { on: 'delayed', message: 'SENSOR_READING_GET', drop: true, where: { readings: 1 } },
      'where.readings: is a list, which has no value to compare',
    ],
    [
      { message: 'BASE_DISCOVER_LIST_PROTOCOLS', fields: { protocols: 5 } },
      'fields.protocols: 5 is not a list of maps',
    ],
    [{ message: 'BASE_DISCOVER_LIST_PROTOCOLS', fields: { protocols: [{}] } }, 'fields.protocols[0]: id is missing'],
    [{ rewrite: 'x' }, 'rewrite: is not a function'],
  ])('%o is told what is wrong in one line', (rule, text) => {
    const faults = faultsWith()
    expect(() => faults.add(rule as FaultRule)).toThrow(OperatorError)
    expect(() => faults.add(rule as FaultRule)).toThrow(`fault rule: ${text}`)
    let message = ''
    try {
      faults.add(rule as FaultRule)
    } catch (error) {
      message = (error as Error).message
    }
    expect(message).not.toMatch(/\n|undefined|Invalid|object Object/)
    expect(faults.list()).toEqual([])
  })
})

describe('a wrong message to send', () => {
  it.each<[unknown, string]>([
    [{ message: 'CLOCK_RATE_CHANGED' }, 'message to send: protocol: protocol is missing'],
    [
      { protocol: 'clock', message: 'CLOCK_RATE_GET' },
      'message to send: message: CLOCK_RATE_GET is a command, not a notification',
    ],
    [{ protocol: 'clock', message: 0, words: [-1] }, 'message to send: words[0]: -1 is too small; at least 0'],
    [
      { protocol: 'clock', message: 'CLOCK_RATE_CHANGED', fields: { agent_id: 1 } },
      'message to send: fields: clock_id is missing',
    ],
    [{ protocol: 'clock', message: 0, agent: 'x' }, 'message to send: agent: x is not one of guest, scp'],
  ])('%o is told what is wrong in one line', (message, text) => {
    expect(() => faultsWith().send(message as EventMessage)).toThrow(text)
  })

  it('reports that no driver is there to receive it', () => {
    expect(() => faultsWith().send({ protocol: 'clock', message: 0 })).toThrow(
      'no driver with an event queue is running',
    )
  })
})
