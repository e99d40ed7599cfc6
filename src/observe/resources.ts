/**
 * Addresses of resources: `clock.uart.rate` is a property, `clock.uart` a resource or its main property, `clock` all
 * resources of a kind. Reads, sets and watches them. Knows no transport.
 */
import type { Platform, ResourceKind } from '../platform/core/platform.js'
import { type DescribedResource, type ResourceGroup, setFromText } from '../platform/core/property.js'
import { RequestError } from '../support/errors.js'
import { listed, thereIsNo } from '../support/known-names.js'
import { type Place, type Reading, Watcher, type WatchOptions } from './watcher.js'

export class Resources {
  readonly groups: readonly ResourceGroup[]
  readonly #platform: Platform
  readonly #places: readonly Place[]
  readonly #byAddress: ReadonlyMap<string, Place>
  /** By the address of a kind or resource. */
  readonly #within = new Map<string, Place[]>()

  /**
   * Resources of those `kinds` that the platform has. Throws RequestError if two plug-ins declare kinds of the same
   * name.
   */
  constructor(platform: Platform, kinds: readonly ResourceKind[]) {
    this.#platform = platform
    this.groups = kinds.flatMap(kind =>
      platform.has(kind) ? (kind.properties?.(platform.model(kind), platform) ?? []) : [],
    )
    const twice = this.groups.find((group, i) => this.groups.findIndex(other => other.kind === group.kind) !== i)
    if (twice) throw new RequestError('ALREADY_EXISTS', `two plug-ins declare resources of the kind ${twice.kind}`)
    this.#places = this.groups.flatMap(placesOf)
    this.#byAddress = new Map(this.#places.map(place => [place.address, place]))
    for (const place of this.#places) {
      for (const address of new Set([place.group.kind, addressOf(place.group, place.resource)])) {
        const within = this.#within.get(address)
        if (within) within.push(place)
        else this.#within.set(address, [place])
      }
    }
  }

  /**
   * The properties that addresses of kinds, resources and properties select, each once; no addresses: all. Throws
   * RequestError.
   */
  select(addresses: readonly string[]): readonly Place[] {
    if (addresses.length === 0) return this.#places
    return [...new Set([...new Set(addresses)].flatMap(address => this.#named(address)))]
  }

  /** The property with this address, or the main property of the resource with this address. Throws RequestError. */
  place(address: string): Place {
    const own = this.#byAddress.get(address)
    if (own) return own
    const within = this.#named(address)
    const { resource, group } = within[0]!
    const main = within.find(place => place.property.name === resource.main)
    if (main && address === addressOf(group, resource)) return main
    const text = `${address} is more than one property; name one of ${listed(within.map(place => place.address))}`
    throw new RequestError('INVALID_ARGUMENT', text)
  }

  /** The values that `addresses` select. Throws RequestError. */
  read(addresses: readonly string[]): Reading[] {
    this.#platform.time.refresh()
    return this.select(addresses).map(reading)
  }

  /** Sets a property from text with a unit, as hardware would. Throws RequestError. */
  set(address: string, text: string): Reading {
    this.#platform.time.refresh()
    const place = this.place(address)
    setFromText(place.property, place.address, text)
    return reading(place)
  }

  /** Watches what `addresses` select until the watcher is closed. Throws RequestError. */
  watch(addresses: readonly string[], options: WatchOptions): Watcher {
    return new Watcher(this.select(addresses), this.#platform.time, options)
  }

  #named(address: string): readonly Place[] {
    const own = this.#byAddress.get(address)
    if (own) return [own]
    const within = this.#within.get(address)
    if (within) return within
    throw new RequestError('NOT_FOUND', thereIsNo(address || 'empty address', this.#besides(address)))
  }

  /** The alternatives to `address`, below its valid part. */
  #besides(address: string): readonly string[] {
    const named = address.slice(0, address.lastIndexOf('.'))
    const resource = this.#within.get(named)
    if (resource && named === addressOf(resource[0]!.group, resource[0]!.resource)) {
      return resource.map(place => place.address)
    }
    const group = this.groups.find(group => address.startsWith(`${group.kind}.`))
    if (group) return group.resources.map(resource => addressOf(group, resource))
    return this.groups.map(group => group.kind)
  }
}

function reading(place: Place): Reading {
  return { place, value: place.property.read() }
}

function placesOf(group: ResourceGroup): Place[] {
  return group.resources.flatMap(resource =>
    resource.properties.map(property => {
      return { address: `${addressOf(group, resource)}.${property.name}`, group, resource, property }
    }),
  )
}

/** `clock.uart`, or `system` if it is the only one of its kind. */
export function addressOf({ kind }: ResourceGroup, { name }: DescribedResource): string {
  return name === '' ? kind : `${kind}.${name}`
}
