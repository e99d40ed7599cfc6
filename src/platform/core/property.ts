/**
 * Properties: the one description of resources for everything on the host that shows or changes a running platform.
 * Resource kinds declare theirs (`ResourceKind.properties`) with the functions here. Knows no transport.
 */
import type { EventEmitter } from 'node:events'
import { RequestError } from '../../support/errors.js'
import { own } from '../../support/own.js'
import { formatQuantity, parseQuantity, spellingsOf, type Unit } from './unit-text.js'

export type PropertyValue = number | boolean | string

/** Numbers from min to max; step 0: any number between. */
export interface Range {
  min: number
  max: number
  step: number
}

/** Values that a property can be set to. */
export type Allowed<Value> = readonly Value[] | Range

/**
 * How a property is read and set. `set` gets allowed values only; throws RequestError if the property can't be set now.
 */
export interface Access<Value> {
  /** Undefined: there is no value now, or it can't be read. */
  read(): Value | undefined
  /** Changes the value as if hardware changed it: agents get notifications. */
  set?(value: Value): void
  /** Default: every value of its type. */
  allowed?(): Allowed<Value>
  /** A word that can be set instead of a value: `auto` gives control back to the platform. */
  word?: { name: string; set(): void }
}

export interface Property extends Access<PropertyValue> {
  readonly name: string
  readonly description: string
  readonly type: 'number' | 'flag' | 'text'
  /** Unit of numbers; undefined: none. */
  readonly unit?: Unit | undefined
}

/** A resource and its properties. */
export interface DescribedResource {
  /** Empty: there is only one resource of its kind. */
  name: string
  /** Name of the property that an address without a property means; undefined: there is none. */
  main?: string
  properties: readonly Property[]
  /** The object that the model's events name it by. */
  subject: object
}

/** The resources of one kind. */
export interface ResourceGroup {
  /** First part of addresses: `clock` in `clock.uart.rate`. */
  kind: string
  resources: readonly DescribedResource[]
  /** Calls `changed` after each change that the model reports. Returns a function that stops watching. */
  watch?: Watch
}

/** `subject` is the resource's `subject`; undefined: any resource may have changed. */
export type Watch = (changed: (subject: object | undefined) => void) => () => void

/** Watches events of a model. An event that concerns one resource has it as first argument. */
export function onEvents<Events extends Record<keyof Events, unknown[]>>(
  model: EventEmitter<Events>,
  ...events: (keyof Events & string)[]
): Watch {
  return changed => {
    const emitter = model as unknown as EventEmitter
    const listener = (subject: unknown): void =>
      changed(typeof subject === 'object' && subject !== null ? subject : undefined)
    for (const event of events) emitter.on(event, listener)
    return () => {
      for (const event of events) emitter.off(event, listener)
    }
  }
}

/** A number in `unit`. */
export function numberProperty(
  name: string,
  description: string,
  unit: Unit | undefined,
  access: Access<number>,
): Property {
  return { name, description, unit, type: 'number', ...(access as Access<PropertyValue>) }
}

/** A yes-or-no property. */
export function flagProperty(name: string, description: string, access: Access<boolean>): Property {
  return { name, description, type: 'flag', ...(access as Access<PropertyValue>) }
}

/** A text; `allowed` lists the values. */
export function textProperty(name: string, description: string, access: Access<string>): Property {
  return { name, description, type: 'text', ...(access as Access<PropertyValue>) }
}

const WORDS: Readonly<Record<string, boolean>> = { on: true, yes: true, true: true, 1: true }
const NOT_WORDS: Readonly<Record<string, boolean>> = { off: false, no: false, false: false, 0: false }

/** Longer lists of values are shortened. */
const LISTED = 24

/** A value for people: `85 °C`, `yes`; `-` if there is none. */
export function valueText(property: Property, value: PropertyValue | undefined): string {
  if (value === undefined) return '-'
  if (typeof value === 'number') return formatQuantity(value, property.unit)
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return value
}

/** The values that a property can be set to, for people. */
export function allowedText(property: Property): string {
  const { word } = property
  const allowed = property.allowed?.()
  let text: string
  if (allowed && !('step' in allowed)) {
    const texts = allowed.slice(0, LISTED).map(value => valueText(property, value))
    if (allowed.length > LISTED) texts.push(`… (${allowed.length})`)
    text = texts.join(', ')
  } else if (allowed) {
    const { min, max, step } = allowed
    text = `${valueText(property, min)} to ${valueText(property, max)}`
    if (step !== 0 && (step !== 1 || property.unit)) text += ` in steps of ${valueText(property, step)}`
  } else if (property.type === 'flag') text = 'yes, no'
  else if (property.unit) text = `a number of ${spellingsOf(property.unit).join(', ')}`
  else text = property.type === 'text' ? 'any text' : 'a number'
  return word ? [text, word.name].filter(Boolean).join(', or ') : text
}

/** Sets a property from text that a person wrote. Throws RequestError that names `address` and the allowed values. */
export function setFromText(property: Property, address: string, text: string): void {
  if (!property.set) throw new RequestError('FAILED_PRECONDITION', `${address} can't be set, only read`)
  if (property.word && text === property.word.name) {
    property.word.set()
    return
  }
  const value = parsed(property, text)
  if (value === undefined || !isAllowed(property, value)) {
    throw new RequestError(
      'INVALID_ARGUMENT',
      `${address} can't be ${text || 'empty'}; allowed: ${allowedText(property)}`,
    )
  }
  property.set(value)
}

function parsed({ type, unit }: Property, text: string): PropertyValue | undefined {
  if (type === 'text') return text
  return type === 'flag' ? (own(WORDS, text) ?? own(NOT_WORDS, text)) : parseQuantity(text, unit)
}

function isAllowed(property: Property, value: PropertyValue): boolean {
  const allowed = property.allowed?.()
  if (!allowed) return true
  if (!('step' in allowed)) return allowed.includes(value)
  const { min, max, step } = allowed
  if (typeof value !== 'number' || value < min || value > max) return false
  if (step === 0) return true
  const steps = (value - min) / step
  // Volts and watts are fractions of the platform's integer units.
  return Math.abs(steps - Math.round(steps)) < 1e-6
}
