/**
 * The part of a platform that a state file persists: the state that agents' messages change. Each model and resource
 * saves and restores its own. Not persisted: what the host sets of the world around the board (sensors, loads, a button, a
 * battery), and what the platform does by itself for heat or power, which it does again after a restart.
 */
import { z } from 'zod'
import { BOOT_FIRMWARE } from './agent-ids.js'

/** Plain JSON data; undefined fields are left out. Equal state gives equal text, so that a comparison shows changes. */
export type Saved = string | number | boolean | null | readonly Saved[] | { readonly [key: string]: Saved | undefined }

/** A model, a resource in a model's `list`, or a protocol's state for an agent. */
export interface Kept {
  save(): Saved
  /**
   * Restores what `save` returned, on a platform of the same file, without sending notifications. The data comes from a
   * file: throws an error if it does not fit, such as an unknown resource.
   */
  restore(saved: Saved): void
  /**
   * Called whenever the result of `save` may have changed; the keeper sets it. A part without this property is saved
   * and compared after every message that may change something, which is slow.
   */
  onChange?: (() => void) | undefined
}

/**
 * The persisted parts of a model or a list of resources, by name. The model itself comes last, as '': its resources are
 * restored by then.
 */
export function keptParts(model: unknown): [name: string, part: Kept][] {
  const parts: [string, Kept][] = []
  const list: readonly { name: string }[] | undefined = Array.isArray(model) ? model : (model as { list?: [] }).list
  for (const resource of list ?? []) if (isKept(resource)) parts.push([resource.name, resource])
  if (isKept(model)) parts.push(['', model])
  return parts
}

function isKept(thing: unknown): thing is Kept {
  return typeof thing === 'object' && thing !== null && 'save' in thing && 'restore' in thing
}

/** Who votes: an agent, or one of agent-ids.ts. */
export const voter = z.int().min(BOOT_FIRMWARE).max(0xffff_ffff)

/** A 32-bit word of a message. */
export const savedWord = z.int().min(0).max(0xffff_ffff)

/** A 64-bit value of a message as a number, rounded beyond 2^53. */
export const savedLong = z.number().refine(Number.isInteger, 'not a whole number')

/** `saved` checked against `schema`. Throws an error of one line. */
export function readSaved<Shape>(schema: z.ZodType<Shape>, saved: Saved): Shape {
  const { data, error } = schema.safeParse(saved)
  if (!error) return data as Shape
  const { path, message } = error.issues[0]!
  throw new Error(path.length === 0 ? message : `${path.join('.')}: ${message}`)
}

/** Throws an error unless the saved state fits this platform. */
export function mustFit(fits: boolean, what: string): asserts fits {
  if (!fits) throw new Error(what)
}

/** The thing that a saved id or name refers to. Throws an error if there is none. */
export function mustHave<Thing>(thing: Thing | undefined, what: string): Thing {
  mustFit(thing !== undefined, what)
  return thing as Thing
}
