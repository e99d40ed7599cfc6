/**
 * A sweep: scenarios that give each wrong answer to a message of a protocol, and look what becomes of it. A guest's drivers
 * are probed again for each answer; when one has crashed the kernel, made it hang or report a fault, the guest restarts.
 */
import type { Protocol } from '../../../src/protocols/declaration/protocol.js'
import type { Context } from '../context.js'
import { UnmetExpectation } from '../context.js'
import { type Family, family } from '../scenario.js'
import { findSplats } from '../splats.js'
import { type Answer, wrongAnswers } from './answers.js'
import { FAULTS, type Outcome, type OutcomeRecord, recordedFor, recordText, toRecord, unrecorded } from './outcomes.js'

/**
 * Properties of the SCMI node: a message without an answer ends soon. It must be longer than the longest delayed response of
 * the platforms, with patience for a busy host.
 */
const NODE = 'arm,max-rx-timeout-ms = <300>;'
/** For one answer: probing and using all drivers of a protocol, with timeouts in some places. */
const AGAIN_MS = 20_000
const LIMIT_MS = 1_800_000

interface Message {
  protocol: Protocol
  /** The command's number, and what it is in its newest version. */
  id: number
  name: string
}

/** The scenarios of a sweep: a member for each command of these protocols. */
export function sweep(platform: string, protocols: readonly Protocol[], record: OutcomeRecord): Family {
  const messages = protocols.flatMap(protocol =>
    protocol
      .commandsOf(protocol.versions.at(-1)!)
      .flatMap(command => (command ? [{ protocol, id: command.id, name: command.name }] : [])),
  )
  const table = Object.fromEntries(messages.map(message => [memberOf(message), message]))
  return family<Message>(table, (message, name) => ({
    summary: `on ${platform}: each wrong answer to ${message.name} of protocol ${message.protocol.name}`,
    onlyInAll: true,
    platform,
    machine: { nodes: [NODE] },
    limitMs: LIMIT_MS,
    allows: {
      console: [{ pattern: /^/, because: 'the sweep tells them by answer' }],
      platform: [{ pattern: /^/, because: 'a driver may do anything with what it was told' }],
    },
    run: t => new Sweep(t, message, name, record).run(),
  }))
}

/** clock-attributes, clock-protocol-version: what every protocol has is named after the protocol. */
function memberOf({ protocol, name }: Message): string {
  const isCommon = /^(?:NEGOTIATE_)?PROTOCOL_/.test(name)
  return `${isCommon ? `${protocol.name}_` : ''}${name}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
}

/** What a driver made of an answer. */
interface Seen {
  outcome: Outcome
  /** What was seen, for people. */
  details: string
}

class Sweep {
  readonly #t: Context
  readonly #message: Message
  readonly #name: string
  readonly #record: OutcomeRecord
  #stopped!: Promise<void>

  constructor(t: Context, message: Message, name: string, record: OutcomeRecord) {
    this.#t = t
    this.#message = message
    this.#name = name
    this.#record = record
  }

  async run(): Promise<void> {
    const t = this.#t
    const release = await t.guest.check('uname -r')
    this.#stopped = (await t.guest.standsStill()).stopped
    const seen = new Map<string, Seen>()
    try {
      await t.step('without a fault')
      const before = await this.#again()
      if (await this.#isAsked()) {
        for (const answer of this.#answers()) seen.set(answer.name, await this.#try(answer, before))
      } else seen.set('any', { outcome: 'not asked', details: '' })
    } finally {
      await t.guest.endsAgain()
    }
    this.#judge(seen, release)
  }

  /** The answers to this message in the version that is served. */
  #answers(): Answer[] {
    const served = this.#t.device.agent.protocols[this.#message.protocol.id]
    return wrongAnswers(served?.command(this.#message.id)?.reply ?? [])
  }

  /** Whether the guest sends the message when its drivers are probed and used. */
  async #isAsked(): Promise<boolean> {
    const { faults } = this.#t.server
    const { protocol, id } = this.#message
    let count = 0
    faults.add({
      protocol: protocol.id,
      message: id,
      rewrite: reply => {
        count++
        return reply
      },
    })
    await this.#again()
    faults.clear()
    return count > 0
  }

  #again(): Promise<string[]> {
    const id = `0x${this.#message.protocol.id.toString(16)}`
    return this.#t
      .call('again', [id], { timeoutMs: AGAIN_MS, graceMs: 1000 })
      .then(text => text.split('\n').filter(Boolean))
  }

  async #try({ name, rule }: Answer, before: readonly string[]): Promise<Seen> {
    const t = this.#t
    const { protocol, id } = this.#message
    await t.step(`answer: ${name}`)
    const start = t.guest.console.length
    t.server.faults.add({ protocol: protocol.id, message: id, ...rule })
    const after = await Promise.race([
      this.#again().catch((error: Error) => error),
      this.#stopped.then(() => 'crash' as const),
    ])
    t.server.faults.clear()
    const seen = judge(t.guest.console.slice(start), before, after)
    if (seen.outcome === 'ok') return seen
    // The next answer must not be blamed for what this one left behind.
    if (FAULTS.includes(seen.outcome) || !(await this.#isRestored(before))) await this.#restart()
    return seen
  }

  /** Whether the drivers are as before when the platform answers rightly. */
  async #isRestored(before: readonly string[]): Promise<boolean> {
    const now = await Promise.race([this.#again().catch(() => []), this.#stopped.then(() => [])])
    return before.join('\n') === now.join('\n')
  }

  async #restart(): Promise<void> {
    await this.#t.reboot('at once')
    this.#stopped = (await this.#t.guest.standsStill()).stopped
  }

  #judge(seen: ReadonlyMap<string, Seen>, release: string): void {
    const found = new Map([...seen].map(([answer, { outcome }]) => [answer, outcome]))
    const known = recordedFor(this.#record, release, this.#name)
    const differing = known ? unrecorded(found, known) : []
    if (differing.length > 0) {
      const because = 'what the drivers make of wrong answers is on record beside the sweep'
      const lines = [...seen].map(
        ([answer, { outcome, details }]) => `${answer}: ${outcome}${details && `, ${details}`}`,
      )
      throw new UnmetExpectation(
        'each answer has the outcome that is on record',
        because,
        [
          `not as recorded: ${differing.join(', ')}`,
          `the record would be:\n${recordText(this.#name, toRecord(found))}`,
          `in detail:\n${lines.join('\n')}`,
        ].join('\n'),
      )
    }
    const faults = [...seen].filter(([, { outcome }]) => FAULTS.includes(outcome))
    if (faults.length === 0) return
    throw new UnmetExpectation(
      'no answer crashes the kernel, makes it hang, or report a fault of its own',
      'a driver checks what it is told: the platform is another program',
      faults.map(([answer, { outcome, details }]) => `${answer}: ${outcome}, ${details}`).join('\n'),
    )
  }
}

/** The outcome by what the guest did: its log, and its drivers before and after. */
export function judge(log: string, before: readonly string[], after: readonly string[] | Error | 'crash'): Seen {
  const splats = findSplats(log.split('\n'), [])
  const place = /\bpc : (\S+)/.exec(log)?.[1]
  const first = splats[0]?.title.replace(/^.*?\] /, '').trim() ?? ''
  const details = place ? `${first} at ${place}` : first
  if (after === 'crash' || /Kernel panic/.test(log)) return { outcome: 'crash', details }
  if (splats.length > 0) return { outcome: 'splat', details }
  if (after instanceof Error) return { outcome: 'hang', details: after.message.split('\n')[0]! }
  const missing = before.filter(line => line.startsWith('driver ') && !after.includes(line))
  if (missing.length > 0) return { outcome: 'probe fails', details: missing.join(', ') }
  const failing = after.filter(line => line.startsWith('fails ') && !before.includes(line))
  if (failing.length > 0) return { outcome: 'use fails', details: failing.join(', ') }
  return { outcome: 'ok', details: '' }
}
