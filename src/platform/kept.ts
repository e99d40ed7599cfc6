/**
 * What of a platform outlives its process, where it is served with a state file: the state that agents' messages change.
 * Models and resources that have any say what it amounts to. Not kept is what the host does to sensors and loads, and what
 * the platform does by itself for heat or power: it looks again and does it again.
 */

/** What JSON carries; it leaves out undefined fields. Of one state always the same text, so that a change shows. */
export type Saved = string | number | boolean | null | readonly Saved[] | { readonly [key: string]: Saved | undefined }

/** A model, a resource of a model's `list`, or what a protocol keeps for an agent. */
export interface Kept {
  save(): Saved
  /** Takes over what `save` gave, on a platform of the same file, without a word to anybody. */
  restore(saved: Saved): void
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
