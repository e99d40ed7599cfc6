/**
 * The chain of links that answer batches. The innermost executes commands (commands.ts). Others wrap it while they are active:
 * state, taps, faults. The chain is rebuilt when a link comes or goes, so that inactive ones cost nothing per batch.
 */

export interface Answering {
  /**
   * Answers entries of the batch, from `first` to `end`: writes replies and ENTRY_WRITTEN. Hot: must not allocate in normal
   * operation.
   */
  answer(first: number, end: number): void
}

/** Makes a link around another. */
export type Link = (inner: Answering) => Answering

/** Where links go, from the inside out. A `faulty` link reports its exchanges itself, in place of `seen`. */
const PLACES = ['kept', 'seen', 'faulty', 'committed'] as const
export type Place = (typeof PLACES)[number]

export class Chain {
  /** The outermost link: what answers a whole batch. */
  outer: Answering
  readonly #innermost: Answering
  readonly #links = new Map<Place, Link>()

  constructor(innermost: Answering) {
    this.#innermost = innermost
    this.outer = innermost
  }

  /** Puts a link in its place, or takes it out; from the next batch on. */
  set(place: Place, link: Link | undefined): void {
    if (link) this.#links.set(place, link)
    else this.#links.delete(place)
    this.outer = PLACES.reduce((inner, place) => this.#linkAt(place)?.(inner) ?? inner, this.#innermost)
  }

  #linkAt(place: Place): Link | undefined {
    return place === 'seen' && this.#links.has('faulty') ? undefined : this.#links.get(place)
  }
}
