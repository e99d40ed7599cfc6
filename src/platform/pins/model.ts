/** Pins, pin groups and their functions: their state, and the rules for agents' requests. Knows no bytes. */
import { EventEmitter } from 'node:events'
import { z } from 'zod'
import { thereAre } from '../../support/known-names.js'
import { ConfigError, type ConfigPath } from '../core/config-error.js'
import { Entry } from '../core/entry.js'
import { byId } from '../core/ids.js'
import { type Kept, mustFit, mustHave, readSaved, type Saved, savedWord, voter } from '../core/kept.js'
import { named, twoAreNamed } from '../core/named.js'
import type { FunctionConfig, GroupConfig, PinConfig, PinctrlConfig } from './config.js'
import { type Setting, settingsOf } from './settings.js'

/** A pin or a group: the target of function selection, configuration, request and release. */
export interface PinTarget {
  readonly name: string
  readonly wireName: string
  /** A pin itself, or the members of a group. */
  readonly pins: readonly Pin[]
  /** Configuration types, ascending. */
  readonly types: readonly number[]
  /** The selected function, if any. */
  readonly function: PinFunction | undefined
  /** The settings of a type, one in all or one per pin; undefined if it lacks the type. */
  settings(type: number): readonly Setting[] | undefined
  /** Whether `fn` can be selected for it. */
  canHave(fn: PinFunction): boolean
}

export class Pin extends Entry implements PinTarget {
  readonly pins: readonly Pin[] = [this]
  readonly types: readonly number[]
  function: PinFunction | undefined
  /** The agent that holds it exclusively, if any. */
  holder: number | undefined
  readonly #settings: ReadonlyMap<number, readonly Setting[]>

  constructor(config: PinConfig, at: ConfigPath) {
    super(config)
    const settings = settingsOf(config.configs, [...at, 'configs'])
    this.#settings = new Map([...settings].map(([type, setting]) => [type, [setting]]))
    this.types = [...settings.keys()]
  }

  settings(type: number): readonly Setting[] | undefined {
    return this.#settings.get(type)
  }

  canHave(fn: PinFunction): boolean {
    return fn.pins.includes(this)
  }
}

/**
 * A group has the configuration types that all its pins have, and applies them to each pin; it can have types of its
 * own.
 */
export class PinGroup extends Entry implements PinTarget {
  readonly pins: readonly Pin[]
  readonly types: readonly number[]
  readonly #settings = new Map<number, readonly Setting[]>()

  constructor(config: GroupConfig, pins: readonly Pin[], at: ConfigPath) {
    super(config)
    this.pins = pins
    for (const type of pins[0]?.types ?? []) {
      const settings = pins.map(pin => pin.settings(type) ?? [])
      if (settings.every(({ length }) => length > 0)) this.#settings.set(type, settings.flat())
    }
    for (const [type, setting] of settingsOf(config.configs, [...at, 'configs'])) {
      if (this.#settings.has(type)) {
        throw new ConfigError([...at, 'configs'], `all pins of the group have type ${type} themselves`)
      }
      this.#settings.set(type, [setting])
    }
    this.types = [...this.#settings.keys()].sort((a, b) => a - b)
  }

  /** The function that all its pins have, if it is one of the group's. */
  get function(): PinFunction | undefined {
    const fn = this.pins[0]?.function
    return fn && this.canHave(fn) && this.pins.every(pin => pin.function === fn) ? fn : undefined
  }

  settings(type: number): readonly Setting[] | undefined {
    return this.#settings.get(type)
  }

  canHave(fn: PinFunction): boolean {
    return fn.groups.includes(this)
  }
}

export class PinFunction extends Entry {
  readonly gpio: boolean
  /** The groups that can select it; empty if single pins can. */
  readonly groups: readonly PinGroup[]
  /** The single pins that can select it; empty if groups can. */
  readonly pins: readonly Pin[]

  constructor(config: FunctionConfig, groups: readonly PinGroup[], pins: readonly Pin[]) {
    super(config)
    this.gpio = config.gpio
    this.groups = groups
    this.pins = pins
  }

  get pinOnly(): boolean {
    return this.pins.length > 0
  }
}

interface PinEvents {
  /** A function was selected. `agentId` did it; 0 is the platform. */
  functionSelected: [target: PinTarget, agentId: number]
  /** A configuration value of a pin or group was set. */
  configured: [target: PinTarget, type: number, agentId: number]
}

const savedPins = z.tuple([
  z.array(z.tuple([z.int().nullable().describe('id of the function'), voter.nullable().describe('holder')])),
  z.array(z.array(savedWord)),
])

export class Pins extends EventEmitter<PinEvents> implements Kept {
  onChange: (() => void) | undefined
  readonly list: readonly Pin[]
  readonly groups: readonly PinGroup[]
  readonly functions: readonly PinFunction[]

  constructor(config: PinctrlConfig) {
    super()
    this.setMaxListeners(0)
    const pins = unique(config.pins, 'pins', (pin, at) => new Pin(pin, at))
    const groups = unique(config.groups, 'groups', (group, at) => {
      return new PinGroup(group, members(group.pins, pins, [...at, 'pins']), at)
    })
    const functions = unique(config.functions, 'functions', (fn, at) => {
      if ((fn.groups === undefined) === (fn.pins === undefined)) {
        throw new ConfigError(at, 'a function needs either groups or pins')
      }
      const ofGroups = members(fn.groups ?? [], groups, [...at, 'groups'])
      return new PinFunction(fn, ofGroups, members(fn.pins ?? [], pins, [...at, 'pins']))
    })
    this.list = [...pins.values()]
    this.groups = [...groups.values()]
    this.functions = [...functions.values()]
    config.pins.forEach(({ function: name }, position) => {
      const pin = this.list[position]!
      if (name !== undefined) pin.function = this.#atStart(name, pin, functions, ['pins', position, 'function'])
    })
  }

  /** The pin of this name. Throws if there is none, as only callers on the host ask, who know the platform. */
  named(name: string): Pin {
    return named(this.list, 'pin', name)
  }

  /** Whether another agent holds a pin of `target`. */
  isHeldFrom(target: PinTarget, agentId: number): boolean {
    for (const { holder } of target.pins) if (holder !== undefined && holder !== agentId) return true
    return false
  }

  /** Gives `target` exclusively to `agentId`, or releases it. Check `isHeldFrom` first. */
  hold(target: PinTarget, agentId: number, holds: boolean): void {
    for (const pin of target.pins) pin.holder = holds ? agentId : undefined
    this.onChange?.()
  }

  /** Releases all that `agentId` holds. Functions and values stay as they are. */
  release(agentId: number, pins: Iterable<Pin> = this.list): void {
    for (const pin of pins) if (pin.holder === agentId) pin.holder = undefined
    this.onChange?.()
  }

  /** Selects a function that `target` can have. */
  select(target: PinTarget, fn: PinFunction, agentId: number): void {
    for (const pin of target.pins) pin.function = fn
    this.onChange?.()
    this.emit('functionSelected', target, agentId)
  }

  /** Sets an allowed value. `agentId` 0 is the platform, which may also set read-only values. */
  configure(target: PinTarget, type: number, value: number, agentId: number): void {
    for (const setting of target.settings(type) ?? []) setting.value = value
    this.onChange?.()
    this.emit('configured', target, type, agentId)
  }

  /** One state for everything: pins know nothing of functions, and groups have settings too. */
  save(): Saved {
    return [
      this.list.map(({ function: fn, holder }) => [fn?.id ?? null, holder ?? null]),
      [...this.list, ...this.groups].map(target => settingsIn(target).map(({ value }) => value)),
    ]
  }

  restore(saved: Saved): void {
    const [pins, values] = readSaved(savedPins, saved)
    const targets = [...this.list, ...this.groups]
    mustFit(pins.length === this.list.length, `there are ${this.list.length} pins`)
    mustFit(values.length === targets.length, `there are ${targets.length} pins and groups`)
    const functions = byId(this.functions)
    this.list.forEach((pin, position) => {
      const [fn, holder] = pins[position]!
      pin.function = fn === null ? undefined : mustHave(functions[fn], `there is no function ${fn}`)
      pin.holder = holder ?? undefined
    })
    targets.forEach((target, i) => {
      const settings = settingsIn(target)
      mustFit(values[i]!.length === settings.length, `${target.name} has ${settings.length} values`)
      settings.forEach((setting, k) => {
        const value = values[i]![k]!
        mustFit(setting.allows(value), `${target.name} can't have ${value} for type ${setting.type}`)
        setting.value = value
      })
    })
  }

  #atStart(name: string, pin: Pin, functions: ReadonlyMap<string, PinFunction>, at: ConfigPath): PinFunction {
    const fn = functions.get(name)
    if (fn && (pin.canHave(fn) || fn.groups.some(group => group.pins.includes(pin)))) return fn
    throw new ConfigError(at, `${name} is not a function of ${pin.name}`)
  }
}

function settingsIn(target: PinTarget): Setting[] {
  return target.types.flatMap(type => target.settings(type) ?? [])
}

/** Builds what `configs` describe; names must be unique. */
function unique<Config extends { name: string }, Built>(
  configs: readonly Config[],
  section: string,
  build: (config: Config, at: ConfigPath) => Built,
): Map<string, Built> {
  const built = new Map<string, Built>()
  configs.forEach((config, position) => {
    const at = [section, position]
    if (built.has(config.name)) throw new ConfigError([...at, 'name'], twoAreNamed(config.name, section))
    built.set(config.name, build(config, at))
  })
  return built
}

/** The members of a list of names. */
function members<Member>(names: readonly string[], known: ReadonlyMap<string, Member>, at: ConfigPath): Member[] {
  const listed = new Set<string>()
  return names.map((name, i) => {
    const member = known.get(name)
    if (!member) throw new ConfigError([...at, i], `${name} is not known; ${thereAre(known.keys())}`)
    if (listed.has(name)) throw new ConfigError([...at, i], `${name} is listed twice`)
    listed.add(name)
    return member
  })
}
