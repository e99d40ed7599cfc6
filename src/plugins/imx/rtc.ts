/** A real-time clock of the battery-backed module: it counts with the platform's time. Knows no bytes. */
import { z } from 'zod'
import { ConfigError, type ConfigPath } from '../../platform/core/config-error.js'
import { Entry, entryKeys } from '../../platform/core/entry.js'
import { type Kept, mustFit, readSaved, type Saved, voter } from '../../platform/core/kept.js'
import type { Time, Timer } from '../../platform/core/time.js'
import { SHORT_NAME_MAX } from './reasons.js'

const permissionsSchema = z
  .strictObject({
    time: z.boolean().default(true),
    alarm: z.boolean().default(true),
    notify: z.boolean().default(true),
  })
  .describe('What agents may set and be told; the matching request is DENIED otherwise')

/** The number of clocks has 8 bits, and so have their ids in notifications. */
export const RTCS_MAX = 0xff

export const rtcSchema = z.strictObject({
  ...entryKeys(RTCS_MAX, SHORT_NAME_MAX),
  time: z
    .union([z.int().min(0).max(Number.MAX_SAFE_INTEGER), z.literal('now')])
    .default(0)
    .describe("Seconds since 1970 at start; now: the host's time"),
  seconds_width: z.int().min(1).max(53).default(32).describe('Bits of the seconds, which wrap around to 0'),
  ticks_width: z.int().min(0).max(53).default(47).describe('Bits of the time in ticks, as agents are told'),
  ticks_per_second: z.int().min(1).max(0xffff).default(32768),
  battery_low: z.boolean().default(false),
  lost: z.boolean().default(false).describe('The time is unknown until it is set'),
  permissions: permissionsSchema.prefault({}),
})

export type RtcConfig = z.infer<typeof rtcSchema> & { id: number }

const US_PER_S = 1_000_000

/** Is told of what a clock does. */
export interface RtcListener {
  /** The alarm of `agentId` is due. */
  alarm(rtc: Rtc, agentId: number): void
  /** The seconds wrapped around to 0. */
  rollover(rtc: Rtc): void
}

const savedRtc = z.tuple([
  z.int().min(0).describe('ticks'),
  z.number().min(0).describe('since'),
  z.boolean().describe('lost'),
  z.array(z.tuple([voter, z.int().min(0).describe('seconds')])),
])

export class Rtc extends Entry implements Kept {
  onChange: (() => void) | undefined
  readonly secondsWidth: number
  readonly ticksWidth: number
  readonly ticksPerSecond: number
  readonly permissions: { time: boolean; alarm: boolean; notify: boolean }
  batteryLow: boolean
  /** The time was lost and has not been set since. */
  lost: boolean
  readonly #time: Time
  readonly #listener: RtcListener
  /** Ticks after which the count wraps around to 0. */
  readonly #period: number
  /** The count at `#sinceUs`. */
  #ticks: number
  #sinceUs: number
  /** In seconds, by agent id. */
  readonly #alarms = new Map<number, number>()
  /** Number of subscribers to roll-overs. */
  #watchers = 0
  #rolloverAtUs = Number.POSITIVE_INFINITY
  #timer: Timer | undefined

  constructor(config: RtcConfig, time: Time, listener: RtcListener, at: ConfigPath) {
    super(config)
    this.secondsWidth = config.seconds_width
    this.ticksWidth = config.ticks_width
    this.ticksPerSecond = config.ticks_per_second
    this.permissions = config.permissions
    this.batteryLow = config.battery_low
    this.lost = config.lost
    this.#time = time
    this.#listener = listener
    this.#period = 2 ** this.secondsWidth * this.ticksPerSecond
    if (this.#period > Number.MAX_SAFE_INTEGER) {
      throw new ConfigError([...at, 'seconds_width'], 'the time in ticks has more than 53 bits')
    }
    const seconds = config.time === 'now' ? Math.floor(Date.now() / 1000) : config.time
    if (!this.#holds(seconds)) throw new ConfigError([...at, 'time'], `${seconds} s do not fit seconds_width`)
    this.#ticks = seconds * this.ticksPerSecond
    this.#sinceUs = time.nowUs
  }

  /** The time in ticks. */
  get ticks(): number {
    return (this.#ticks + this.#ticksSince()) % this.#period
  }

  /** The time in seconds. */
  get seconds(): number {
    return Math.floor(this.ticks / this.ticksPerSecond)
  }

  /** Sets the time in ticks. Returns false if the value is too large. */
  setTicks(ticks: number): boolean {
    if (ticks >= this.#period) return false
    this.#ticks = ticks
    this.#sinceUs = this.#time.nowUs
    this.setLost(false)
    this.#plan()
    return true
  }

  /** Sets the time in seconds. Returns false if the value is too large. */
  setSeconds(seconds: number): boolean {
    return this.setTicks(seconds * this.ticksPerSecond)
  }

  /** Sets the alarm of `agentId`, which is told once; undefined cancels it. Returns false if `seconds` is past or too large. */
  setAlarm(agentId: number, seconds: number | undefined): boolean {
    if (seconds === undefined) this.#alarms.delete(agentId)
    else if (seconds > this.seconds && this.#holds(seconds)) this.#alarms.set(agentId, seconds)
    else return false
    this.onChange?.()
    this.#plan()
    return true
  }

  /** Notes that the time was lost, or that it is known again. */
  setLost(lost: boolean): void {
    this.lost = lost
    this.onChange?.()
  }

  /** Adds or removes a subscriber to roll-overs. */
  watchRollover(wanted: boolean): void {
    this.#watchers += wanted ? 1 : -1
    this.#plan()
  }

  /** The clock runs on between two processes, as hardware on battery does. After a boot of the host it resumes where it was. */
  save(): Saved {
    return [this.#ticks, this.#sinceUs, this.lost, [...this.#alarms]]
  }

  restore(saved: Saved): void {
    const [ticks, sinceUs, lost, alarms] = readSaved(savedRtc, saved)
    mustFit(ticks < this.#period, `${ticks} ticks are too many`)
    for (const [, seconds] of alarms) mustFit(this.#holds(seconds), `an alarm at ${seconds} s is too late`)
    this.#ticks = ticks
    this.#sinceUs = Math.min(sinceUs, this.#time.nowUs)
    this.lost = lost
    for (const [agentId, seconds] of alarms) this.#alarms.set(agentId, seconds)
    this.#plan()
  }

  /** Ends all timers. */
  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #holds(seconds: number): boolean {
    return seconds < 2 ** this.secondsWidth
  }

  #ticksSince(): number {
    return Math.floor(((this.#time.nowUs - this.#sinceUs) * this.ticksPerSecond) / US_PER_S)
  }

  /** When the count reaches `ticks`, if it did not wrap around. */
  #reachesUs(ticks: number): number {
    return this.#sinceUs + Math.ceil(((ticks - this.#ticks) * US_PER_S) / this.ticksPerSecond)
  }

  /** Sets the timer for the next event. */
  #plan(): void {
    this.close()
    const next = this.#periodStart() + this.#period
    this.#rolloverAtUs = this.#watchers > 0 ? this.#reachesUs(next) : Number.POSITIVE_INFINITY
    const dueUs = Math.min(this.#rolloverAtUs, ...[...this.#alarms.values()].map(seconds => this.#alarmAtUs(seconds)))
    if (dueUs === Number.POSITIVE_INFINITY) return
    this.#timer = this.#time.after(Math.max(dueUs - this.#time.nowUs, 0), () => this.#onTimer())
  }

  #onTimer(): void {
    const { nowUs } = this.#time
    const rolledOver = nowUs >= this.#rolloverAtUs
    const due = [...this.#alarms].filter(([, seconds]) => nowUs >= this.#alarmAtUs(seconds))
    for (const [agentId] of due) this.#alarms.delete(agentId)
    this.onChange?.()
    this.#plan()
    for (const [agentId] of due) this.#listener.alarm(this, agentId)
    if (rolledOver) this.#listener.rollover(this)
  }

  #alarmAtUs(seconds: number): number {
    return this.#reachesUs(this.#periodStart() + seconds * this.ticksPerSecond)
  }

  /** The count at the last roll-over, if it did not wrap around. */
  #periodStart(): number {
    return Math.floor((this.#ticks + this.#ticksSince()) / this.#period) * this.#period
  }
}
