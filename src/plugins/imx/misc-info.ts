/**
 * Other things of an i.MX System Manager: controls of the device and of the board; information on build, board, silicon,
 * reset reasons and log. What the platform file leaves out is NOT_SUPPORTED. Knows no bytes.
 */
import { EventEmitter } from 'node:events'
import { z } from 'zod'
import { Entry, entryKeys } from '../../platform/core/entry.js'
import { numbered } from '../../platform/core/ids.js'
import { type Kept, mustFit, readSaved, type Saved } from '../../platform/core/kept.js'
import { byUniqueName, named, twoAreCalled } from '../../platform/core/named.js'
import { type Reasons, reasonSchema, SHORT_NAME_MAX, shortName, word } from './reasons.js'

/** As many words fit into a message of 128 bytes beside id and count. Linux takes no more. */
const VALUES_MAX = 30
/** Most words of the registers behind a control. */
const EXTENDED_MAX = 0xffff

const words = (max: number) => z.array(word).max(max)

const permissionsSchema = z
  .strictObject({
    set: z.boolean().default(true),
    notify: z.boolean().default(true),
  })
  .describe('What agents may do: set it and start its actions, be notified; DENIED otherwise')

const controlSchema = z.strictObject({
  value: z
    .union([word, words(VALUES_MAX).min(1)])
    .default(0)
    .describe('Value at start: a word, or several'),
  actions: z
    .record(z.string().regex(/^(0x[0-9a-f]{1,8}|\d{1,10})$/i), words(VALUES_MAX))
    .default({})
    .describe('What actions return, by their number'),
  extended: z
    .union([z.int().min(0).max(EXTENDED_MAX), words(EXTENDED_MAX)])
    .default(0)
    .describe('Extended words, reached by address: their number, or their values at start'),
  permissions: permissionsSchema.prefault({}),
})

/** Controls of the device or of the board. No message has their names. */
function controlsSchema(limit: number) {
  const { id, name, answers } = entryKeys(limit, SHORT_NAME_MAX)
  return numbered(z.array(controlSchema.extend({ id, name, answers })).max(limit), limit).default([])
}

const shortText = z
  .string()
  .regex(/^[ -~]*$/)
  .max(15)

/** The number of log words that remain has 12 bits. */
const LOG_MAX = 0xfff
const BOARD_CONTROLS_MAX = 0xff
/** Ids of board controls begin here. */
const DEVICE_CONTROLS_MAX = 0x8000
const REASONS_MAX = 0xff

export const miscSchema = z.strictObject({
  device_controls: controlsSchema(DEVICE_CONTROLS_MAX),
  board_controls: controlsSchema(BOARD_CONTROLS_MAX).describe('In messages their ids are higher by 0x8000'),
  reasons: z.array(shortName).max(REASONS_MAX).default([]).describe('Names of reset reasons, by number'),
  boot_reason: reasonSchema.optional().describe('Why the system booted'),
  shutdown_reason: reasonSchema.optional().describe('Why the system shut down before that'),
  build: z
    .strictObject({ number: word, commit: word, date: shortText.default(''), time: shortText.default('') })
    .optional()
    .describe('Of the System Manager'),
  config: z
    .strictObject({ name: shortText, mode: word.default(0) })
    .optional()
    .describe('Of the System Manager'),
  board: z.strictObject({ name: shortText, attributes: word.default(0) }).optional(),
  silicon: z
    .strictObject({ name: shortText, device_id: word, revision: word.default(0), part_number: word.default(0) })
    .optional(),
  rom_passover: words(VALUES_MAX).optional().describe('Words that the boot ROM left'),
  log: words(LOG_MAX).optional().describe('Words of the system log'),
})

export type MiscConfig = z.infer<typeof miscSchema>
type ControlConfig = MiscConfig['device_controls'][number]

export class Control extends Entry {
  readonly values: Uint32Array
  /** Extended words by address; empty if it has none. */
  readonly extended: Uint32Array
  readonly permissions: { set: boolean; notify: boolean }
  /** Words that actions return, by number. */
  readonly actions: ReadonlyMap<number, readonly number[]>

  constructor(config: ControlConfig) {
    super(config)
    this.values = Uint32Array.from([config.value].flat())
    const { extended } = config
    this.extended = typeof extended === 'number' ? new Uint32Array(extended) : Uint32Array.from(extended)
    this.permissions = config.permissions
    this.actions = new Map(Object.entries(config.actions).map(([action, words]) => [Number(action), words]))
  }
}

interface MiscEvents {
  /** A control's value or extended words were set. `agentId` did it; 0 is the platform. */
  changed: [control: Control, agentId: number]
  /** An action on a control was started. */
  action: [control: Control, action: number, args: readonly number[], agentId: number]
  /** Something happened to a control. The flags mean what the control defines. */
  happened: [control: Control, flags: number]
}

/** Values and extended words, by control. */
const savedControls = z.array(z.tuple([z.array(word), z.array(word)]))

export class Misc extends EventEmitter<MiscEvents> implements Kept {
  onChange: (() => void) | undefined
  readonly deviceControls: readonly Control[]
  readonly boardControls: readonly Control[]
  readonly reasonNames: readonly string[]
  /** The system's. */
  readonly reasons: Reasons
  readonly build: MiscConfig['build']
  readonly config: MiscConfig['config']
  readonly board: MiscConfig['board']
  readonly silicon: MiscConfig['silicon']
  readonly romPassover: readonly number[] | undefined
  /** Words of the system log; undefined if there is no log. */
  log: readonly number[] | undefined

  constructor(config: MiscConfig) {
    super()
    this.setMaxListeners(0)
    this.deviceControls = config.device_controls.map(control => new Control(control))
    this.boardControls = config.board_controls.map(control => new Control(control))
    const { length } = this.deviceControls
    const pathOf = (i: number) => (i < length ? ['device_controls', i] : ['board_controls', i - length])
    byUniqueName(this.#controls, 'controls', pathOf, twoAreCalled)
    this.reasonNames = config.reasons
    this.reasons = { boot: config.boot_reason, shutdown: config.shutdown_reason }
    this.build = config.build
    this.config = config.config
    this.board = config.board
    this.silicon = config.silicon
    this.romPassover = config.rom_passover
    this.log = config.log
  }

  /** A control by name. Throws if there is none: for callers on the host, who know the platform. */
  named(name: string): Control {
    return named(this.#controls, 'control', name)
  }

  get #controls(): readonly Control[] {
    return [...this.deviceControls, ...this.boardControls]
  }

  /** Sets as many words as the control has; `agentId` 0 is the platform itself. */
  set(control: Control, values: ArrayLike<number>, agentId: number): void {
    control.values.set(values)
    this.onChange?.()
    this.emit('changed', control, agentId)
  }

  /** Sets extended words from address `first` on. `agentId` 0 is the platform itself. */
  setExtended(control: Control, first: number, values: ArrayLike<number>, agentId: number): void {
    control.extended.set(values, first)
    this.onChange?.()
    this.emit('changed', control, agentId)
  }

  save(): Saved {
    return this.#controls.map(({ values, extended }) => [[...values], [...extended]])
  }

  restore(saved: Saved): void {
    const controls = this.#controls
    const all = readSaved(savedControls, saved)
    mustFit(all.length === controls.length, `there are ${controls.length} controls`)
    for (const [i, { name, values, extended }] of controls.entries()) {
      const [savedValues, savedExtended] = all[i]!
      mustFit(savedValues.length === values.length, `${name} has ${values.length} words`)
      mustFit(savedExtended.length === extended.length, `${name} has ${extended.length} words besides`)
      values.set(savedValues)
      extended.set(savedExtended)
    }
  }

  /** Something happened to a control: notifies the agents that are subscribed to one of these flags. */
  happen(control: Control, flags: number): void {
    this.emit('happened', control, flags)
  }
}
