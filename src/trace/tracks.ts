/** Tracks and interned names of a trace: created on first use and described in a packet before that. */
import { randomInt } from 'node:crypto'
import { EXPLICIT, type InternedData, type PacketWriter, type TrackDescriptor } from './perfetto.js'

/** Ids of tracks must be unique even after traces are merged. */
const UUID_BASE = 2 ** 20

export const SEQUENCE = 1

type Names = keyof InternedData

/** Numbers repeated names. */
export class Interner {
  readonly #ids: Record<Names, Map<string, number>> = {
    event_categories: new Map(),
    event_names: new Map(),
    debug_annotation_names: new Map(),
  }
  #fresh: InternedData | undefined

  id(kind: Names, name: string): number {
    const ids = this.#ids[kind]
    let iid = ids.get(name)
    if (iid === undefined) {
      iid = ids.size + 1
      ids.set(name, iid)
      this.#fresh ??= {}
      const fresh = (this.#fresh[kind] ??= [])
      fresh.push({ iid, name })
    }
    return iid
  }

  /** New names, which the next packet must define. */
  take(): InternedData | undefined {
    const fresh = this.#fresh
    this.#fresh = undefined
    return fresh
  }
}

/** A track for slices that do not overlap: viewers merge tracks of the same name and use as many rows as needed. */
interface Lane {
  uuid: number
  /** End of its last slice. */
  endNs: number
}

export interface Track extends Omit<TrackDescriptor, 'uuid' | 'parent_uuid'> {
  parent?: number
}

export class Tracks {
  readonly #writer: PacketWriter
  /** By parent and name. */
  readonly #lanes = new Map<number, Map<string, Lane[]>>()
  #next = randomInt(2 ** 32) * UUID_BASE

  constructor(writer: PacketWriter) {
    this.#writer = writer
  }

  /** A new track. */
  add({ parent, ...track }: Track): number {
    const uuid = this.#next++
    const track_descriptor = { uuid, ...(parent === undefined ? {} : { parent_uuid: parent }), ...track }
    this.#writer.add({ trusted_packet_sequence_id: SEQUENCE, track_descriptor })
    return uuid
  }

  /** The track `name` below `parent`. */
  named(parent: number, name: string, rank: number): number {
    return this.#lanesOf(parent, name, rank)[0]!.uuid
  }

  /** A track of this name that is free between these times. */
  free(parent: number, name: string, rank: number, fromNs: number, toNs: number): number {
    const lanes = this.#lanesOf(parent, name, rank)
    let lane = lanes.find(({ endNs }) => endNs <= fromNs)
    if (!lane) {
      lane = this.#lane(parent, name, rank)
      lanes.push(lane)
    }
    lane.endNs = toNs
    return lane.uuid
  }

  #lanesOf(parent: number, name: string, rank: number): Lane[] {
    let named = this.#lanes.get(parent)
    if (!named) {
      named = new Map()
      this.#lanes.set(parent, named)
    }
    let lanes = named.get(name)
    if (!lanes) {
      lanes = [this.#lane(parent, name, rank)]
      named.set(name, lanes)
    }
    return lanes
  }

  #lane(parent: number, name: string, rank: number): Lane {
    return { uuid: this.add({ parent, name, sibling_order_rank: rank }), endNs: 0 }
  }
}

/** Viewers sort the tracks below by rank. */
export const RANKED = { child_ordering: EXPLICIT! }
