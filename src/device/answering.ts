/**
 * The chain of links that answer batches. The innermost carries commands out (commands.ts); others go around it while they
 * have something to do: state that is kept, messages that are seen, faults. It is put together when one of them comes or
 * goes, so that the loop over a batch asks none of them.
 */

export interface Answering {
  /**
   * Answers entries of the batch, from `first` to `end`: writes replies and ENTRY_WRITTEN. Hot: links that are there in
   * normal operation allocate nothing.
   */
  answer(first: number, end: number): void
}

/** Makes a link around another. */
export type Link = (inner: Answering) => Answering

/** Where links go, from the inside out. A link that is `faulty` shows its exchanges by itself, instead of `seen`. */
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
