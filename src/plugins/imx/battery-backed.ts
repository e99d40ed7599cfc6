/** Battery-backed parts of an i.MX: real-time clocks, registers, and the power button. Knows no bytes. */
import { EventEmitter } from 'node:events'
import { z } from 'zod'
import { numbered } from '../../platform/core/ids.js'
import { type Kept, mustFit, readSaved, type Saved } from '../../platform/core/kept.js'
import { byUniqueName, named } from '../../platform/core/named.js'
import type { Time } from '../../platform/core/time.js'
import { word } from './reasons.js'
import { RTCS_MAX, Rtc, rtcSchema } from './rtc.js'

const permissionsSchema = z
  .strictObject({
    registers: z.boolean().default(true),
    button: z.boolean().default(true),
  })
  .describe('What agents may do: write registers, be notified of the button; DENIED otherwise')

/** The number of registers has 16 bits. */
export const batteryBackedSchema = z.strictObject({
  rtcs: numbered(z.array(rtcSchema).max(RTCS_MAX), RTCS_MAX).default([]),
  registers: z
    .union([z.int().min(0).max(0xffff), z.array(word).max(0xffff)])
    .default(0)
    .describe('How many general-purpose registers there are, or their values at start'),
  button: z.boolean().default(false).describe('The button is held down at start'),
  permissions: permissionsSchema.prefault({}),
})

export type BatteryBackedConfig = z.infer<typeof batteryBackedSchema>

export interface BatteryBackedEvents {
  /** An alarm that `agentId` set is due. */
  alarm: [rtc: Rtc, agentId: number]
  /** The seconds of a clock wrapped around to 0. */
  rollover: [rtc: Rtc]
  /** A clock's time was set; `agentId` did it, 0 is the platform. */
  updated: [rtc: Rtc, agentId: number]
  /** The button was pressed. */
  pressed: []
}

const savedRegisters = z.array(word)

export class BatteryBacked extends EventEmitter<BatteryBackedEvents> implements Kept {
  onChange: (() => void) | undefined
  readonly list: readonly Rtc[]
  readonly registers: Uint32Array
  readonly permissions: { registers: boolean; button: boolean }
  /** Whether the button is held down. */
  buttonDown: boolean

  constructor(config: BatteryBackedConfig, time: Time) {
    super()
    this.setMaxListeners(0)
    const listener = {
      alarm: (rtc: Rtc, agentId: number) => this.emit('alarm', rtc, agentId),
      rollover: (rtc: Rtc) => this.emit('rollover', rtc),
    }
    this.list = config.rtcs.map((rtc, i) => new Rtc(rtc, time, listener, ['rtcs', i]))
    byUniqueName(this.list, 'clocks', i => ['rtcs', i])
    this.registers =
      typeof config.registers === 'number' ? new Uint32Array(config.registers) : Uint32Array.from(config.registers)
    this.permissions = config.permissions
    this.buttonDown = config.button
  }

  /** A clock by name. Throws if there is none: for callers on the host, who know the platform. */
  named(name: string): Rtc {
    return named(this.list, 'clock', name)
  }

  /** Sets a clock, in seconds or in ticks. Returns false if the value is too large. `agentId` 0 is the platform itself. */
  setTime(rtc: Rtc, value: number, unit: 'seconds' | 'ticks', agentId: number): boolean {
    if (!(unit === 'ticks' ? rtc.setTicks(value) : rtc.setSeconds(value))) return false
    this.emit('updated', rtc, agentId)
    return true
  }

  /** Presses the button, until `release`. */
  press(): void {
    if (this.buttonDown) return
    this.buttonDown = true
    this.emit('pressed')
  }

  /** Releases the button. The hardware does not notify agents of that: they poll. */
  release(): void {
    this.buttonDown = false
  }

  /** Sets a register. `index` must be below their number. */
  setRegister(index: number, value: number): void {
    this.registers[index] = value
    this.onChange?.()
  }

  save(): Saved {
    return [...this.registers]
  }

  restore(saved: Saved): void {
    const registers = readSaved(savedRegisters, saved)
    mustFit(registers.length === this.registers.length, `there are ${this.registers.length} registers`)
    this.registers.set(registers)
  }

  /** Ends all timers. */
  close(): void {
    for (const rtc of this.list) rtc.close()
  }
}
