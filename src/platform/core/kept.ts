/**
 * What of a platform outlives its process, where it is served with a state file: the state that agents' messages change.
 * Models and resources that have any say what it amounts to. Not kept is what the host says of the world around the board
 * (sensors, loads, a button, a battery), and what the platform does by itself for heat or power: it looks again and does it
 * again.
 */
import { z } from 'zod'

/** What JSON carries; it leaves out undefined fields. Of one state always the same text, so that a change shows. */
export type Saved = string | number | boolean | null | readonly Saved[] | { readonly [key: string]: Saved | undefined }

/** A model, a resource of a model's `list`, or what a protocol keeps for an agent. */
export interface Kept {
  save(): Saved
  /**
   * Takes over what `save` gave, on a platform of the same file, without a word to anybody. It comes from a file: throws
   * an error if it is anything else, such as a resource that there is not.
   */
  restore(saved: Saved): void
  /**
   * Called whenever what `save` gives may have changed; whoever keeps the part sets it. A part that leaves this property
   * out is looked at after every message that may change something, which takes time.
   */
  onChange?: (() => void) | undefined
}

/** What is kept of a model or list of resources, by their names; the model comes last, as '': its resources are restored. */
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

/** Ids of agents as votes have them: 0 is the platform, -1 the boot firmware. */
export const voter = z.int().min(-1).max(0xffff_ffff)

/** A word of a message. */
export const savedWord = z.int().min(0).max(0xffff_ffff)

/** 64 bits of a message as a number, rounded beyond 2^53. */
export const savedLong = z.number().refine(Number.isInteger, 'not a whole number')

/** `saved` in the shape that `schema` gives it. Throws an error of one line. */
export function readSaved<Shape>(schema: z.ZodType<Shape>, saved: Saved): Shape {
  const { data, error } = schema.safeParse(saved)
  if (!error) return data as Shape
  const { path, message } = error.issues[0]!
  throw new Error(path.length === 0 ? message : `${path.join('.')}: ${message}`)
}

/** Throws an error unless what was saved fits this platform. */
export function mustFit(fits: boolean, what: string): asserts fits {
  if (!fits) throw new Error(what)
}

/** What a saved id or name stands for. Throws an error if there is no such thing. */
export function mustHave<Thing>(thing: Thing | undefined, what: string): Thing {
  mustFit(thing !== undefined, what)
  return thing as Thing
}
