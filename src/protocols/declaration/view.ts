/**
 * One agent's view of the resources of one protocol: those that the platform file shows it, without those that the Base
 * protocol's permission commands denied it (SCMI v3.2 §4.2.2.10 ff.). Their ids are the platform's; if the file lists the
 * agent's resources, their positions in that list. Views of protocols with resources extend it. Ids on the wire are the
 * view's: take them from `idOf`, never from the resource.
 *
 * Permissions change while drivers run, so they never move an id. A message for a denied resource is answered DENIED. No
 * other message names or counts the resource.
 */
import { byId, rowsOf } from '../../platform/core/ids.js'
import { mustHave } from '../../platform/core/kept.js'
import type { MessageWriter, RequestReader } from '../../wire/message.js'
import { DENIED, NOT_FOUND, SUCCESS } from '../../wire/status.js'
import { NAME_SIZE } from './names.js'
import type { AgentProtocol, Row } from './protocol.js'

/** What views know of a resource. */
export interface Viewed {
  readonly name: string
  /** In messages; default: the position. */
  readonly id?: number
  /** In messages; default: `name`. */
  readonly wireName?: string
  /** Statuses that it answers to commands, by their names. */
  readonly answers?: ReadonlyMap<string, number> | undefined
}

export class ResourceView<Resource extends Viewed> {
  /** The resources by this agent's ids; undefined where nobody has the id. */
  readonly list: readonly (Resource | undefined)[]
  /** The same without gaps, in the order of ids. */
  readonly resources: readonly Resource[]
  /** Number of ids for an agent that goes through them all: one more than the highest that it may use. */
  count = 0
  /**
   * Resources for which the agent may have set something that ends with its driver, such as a vote. Handlers add them, and
   * `reset` releases them. At first all, as a state file may have restored such settings.
   */
  readonly held: Set<Resource>
  /** Why the last `find` gave nothing: NOT_FOUND, DENIED, or what the platform file has this resource answer. */
  refusal = NOT_FOUND
  readonly protocol: AgentProtocol
  /** The platform file lists the agent's resources, which numbers them. */
  protected readonly hasOwnIds: boolean
  /** `list` without those that are denied. */
  #allowed: readonly (Resource | undefined)[] = []
  /** The same without those that answer some command themselves. */
  #plain: readonly (Resource | undefined)[] = []
  readonly #ids: ReadonlyMap<Resource, number>

  /** `resources` are all the platform has. */
  constructor(resources: readonly Resource[], protocol: AgentProtocol) {
    const names = protocol.agent.resources[protocol.protocol.resource?.section ?? '']
    this.hasOwnIds = names !== undefined
    this.list = names ? named(names, resources) : byId(resources)
    this.resources = this.list.filter(resource => resource !== undefined)
    this.held = new Set(this.resources)
    this.protocol = protocol
    this.#ids = new Map(rowsOf(this.list, (resource, id) => [resource, id]))
    this.#readPermissions()
  }

  /** The agent whose view this is; votes and notifications carry its id. */
  get agentId(): number {
    return this.protocol.agent.id
  }

  /** The resource with this id, or undefined: then answer `refusal`. Hot code. */
  find(id: number): Resource | undefined {
    const resource = this.#plain[id]
    return resource === undefined ? this.#findOther(id) : resource
  }

  #findOther(id: number): Resource | undefined {
    const resource = this.#allowed[id]
    if (resource !== undefined) return this.unlessAnswered(resource)
    this.refusal = this.list[id] === undefined ? NOT_FOUND : DENIED
    return undefined
  }

  /** The resource, or undefined if it answers the command that runs with `refusal`. */
  protected unlessAnswered<Found extends Viewed>(resource: Found): Found | undefined {
    const { answering } = this.protocol
    const status = answering === undefined ? undefined : resource.answers?.get(answering)
    if (status === undefined) return resource
    this.refusal = status
    return undefined
  }

  /** This agent's id of a resource, or undefined if it does not see it or may not use it. */
  idOf(resource: Resource): number | undefined {
    const id = this.#ids.get(resource)
    return id === undefined || this.#allowed[id] === undefined ? undefined : id
  }

  /** Ids of some of its resources. */
  protected idsOf(resources: Iterable<Resource>): number[] {
    return [...resources].map(resource => this.#ids.get(resource)!)
  }

  /** The resource with an id that was saved. Throws an error if there is none. */
  saved(id: number): Resource {
    return mustHave(this.list[id], `there is no resource ${id}`)
  }

  /** Rows for people: what `row` makes of each resource and its id. */
  rows(row: (resource: Resource, id: number) => Row): Row[] {
    return rowsOf(this.list, (resource, id) => {
      const { name, wireName = name } = resource
      return wireName === name ? row(resource, id) : { ...row(resource, id), wire_name: wireName }
    })
  }

  /** The name of a resource that this agent may use, for people. */
  nameOf(resource: Resource | undefined): string | undefined {
    return resource && this.idOf(resource) !== undefined ? resource.name : undefined
  }

  /**
   * Reads the agent's permissions again. Returns the resources that are denied from now on: subscriptions to them and
   * commands under way end. Queued notifications about them are dropped.
   */
  permissionsChanged(): readonly Resource[] {
    const before = this.#allowed
    this.#readPermissions()
    const revoked: Resource[] = []
    before.forEach((resource, id) => {
      if (resource && !this.#allowed[id]) revoked.push(resource)
    })
    if (revoked.length > 0) this.protocol.dropNotifications(new Set(revoked))
    return revoked
  }

  #readPermissions(): void {
    const { agent, protocol } = this.protocol
    const denies = agent.permissions.deniedBy(protocol.id)
    const isDenied = (resource: Resource): boolean => denies(resource.name)
    this.#allowed = this.resources.some(isDenied)
      ? this.list.map(resource => (resource && isDenied(resource) ? undefined : resource))
      : this.list
    this.#plain = this.resources.some(({ answers }) => answers)
      ? this.#allowed.map(resource => (resource?.answers ? undefined : resource))
      : this.#allowed
    this.count = this.#allowed.findLastIndex(resource => resource !== undefined) + 1
  }
}

/** The resources with these names, in their order. */
function named<Resource extends { readonly name: string }>(
  names: readonly string[],
  resources: readonly Resource[],
): readonly Resource[] {
  const byName = new Map<string, Resource[]>()
  for (const resource of resources) {
    const others = byName.get(resource.name)
    if (others) others.push(resource)
    else byName.set(resource.name, [resource])
  }
  return names.flatMap(name => byName.get(name) ?? [])
}

/** The handler of PROTOCOL_ATTRIBUTES where that is the number of resources. */
export function answerCount(view: ResourceView<Viewed>, _request: RequestReader, reply: MessageWriter): number {
  reply.u32(view.count)
  return SUCCESS
}

/** The handler of the *_NAME_GET commands: flags, which are reserved, and the whole name of the resource. */
export function answerName(view: ResourceView<Viewed>, request: RequestReader, reply: MessageWriter): number {
  const resource = view.find(request.u32())
  if (!resource) return view.refusal
  reply.u32(0)
  reply.text(resource.wireName ?? resource.name, NAME_SIZE)
  return SUCCESS
}
