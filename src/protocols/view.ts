/**
 * One agent's view of the resources of one protocol: those the platform file shows it, under ids of its own from 0 up,
 * less what the Base protocol's permission commands took away (SCMI v3.2 §4.2.2.11 ff.). States of protocols with
 * resources extend it. Ids on the wire are the view's: take them from `idOf`, never from the resource.
 */
import type { Kept, Saved } from '../platform/kept.js'
import type { MessageWriter, RequestReader } from '../wire/message.js'
import { DENIED, NOT_FOUND, SUCCESS } from '../wire/status.js'
import type { AgentProtocol } from './agent.js'
import { NAME_SIZE } from './names.js'

export class ResourceView<Resource extends { name: string }> {
  /** The resources by this agent's ids. */
  readonly list: readonly Resource[]
  /** Why the last `find` gave nothing: NOT_FOUND or DENIED. */
  refusal = NOT_FOUND
  protected readonly protocol: AgentProtocol
  /** The same, without those it may not use. */
  #allowed: readonly (Resource | undefined)[] = []
  readonly #ids: ReadonlyMap<Resource, number>

  /** `resources` are all the platform has. */
  constructor(resources: readonly Resource[], protocol: AgentProtocol) {
    this.list = visibleTo(protocol, resources)
    this.protocol = protocol
    this.#ids = new Map(this.list.map((resource, id) => [resource, id]))
    this.permissionsChanged()
  }

  /** The agent whose view this is; votes and notifications carry its id. */
  get agentId(): number {
    return this.protocol.agent.id
  }

  /** The resource with this id, or undefined: then answer `refusal`. Hot code. */
  find(id: number): Resource | undefined {
    const resource = this.#allowed[id]
    if (resource === undefined) this.refusal = this.list[id] === undefined ? NOT_FOUND : DENIED
    return resource
  }

  /** This agent's id of a resource, or undefined if it does not see it. */
  idOf(resource: Resource): number | undefined {
    return this.#ids.get(resource)
  }

  /** Ids of some of the resources. */
  protected idsOf(resources: Iterable<Resource>): number[] {
    return [...resources].map(resource => this.#ids.get(resource)!)
  }

  /** The name of a resource that this agent sees, for people. */
  nameOf(resource: Resource | undefined): string | undefined {
    return resource && this.idOf(resource) !== undefined ? resource.name : undefined
  }

  /** Reads the agent's permissions anew. */
  permissionsChanged(): void {
    const { agent, protocol } = this.protocol
    this.#allowed = this.list.map(resource =>
      agent.permissions.denies(protocol.id, resource.name) ? undefined : resource,
    )
  }

  /** Whether nothing is left for this agent: the protocol is then not listed for it. */
  get allDenied(): boolean {
    return this.#allowed.every(resource => resource === undefined)
  }
}

function visibleTo<Resource extends { name: string }>(
  { agent, protocol }: AgentProtocol,
  resources: readonly Resource[],
): readonly Resource[] {
  const names = agent.resources[protocol.resource?.section ?? '']
  if (!names) return resources
  const byName = new Map<string, Resource[]>()
  for (const resource of resources) {
    const others = byName.get(resource.name)
    if (others) others.push(resource)
    else byName.set(resource.name, [resource])
  }
  return names.flatMap(name => byName.get(name) ?? [])
}

/** The handler of the *_NAME_GET commands: flags, which are reserved, and the whole name of the resource asked for. */
export function answerName(
  state: ResourceView<{ name: string }>,
  request: RequestReader,
  reply: MessageWriter,
): number {
  const resource = state.find(request.u32())
  if (!resource) return state.refusal
  reply.u32(0)
  reply.text(resource.name, NAME_SIZE)
  return SUCCESS
}

/** Which resources an agent may not use. Kept over driver restarts: they belong to the agent, not to its driver. */
export class Permissions implements Kept {
  readonly #denied = new Set<string>()

  set(protocolId: number, resourceName: string, allowed: boolean): void {
    const key = `${protocolId}/${resourceName}`
    if (allowed) this.#denied.delete(key)
    else this.#denied.add(key)
  }

  denies(protocolId: number, resourceName: string): boolean {
    return this.#denied.has(`${protocolId}/${resourceName}`)
  }

  save(): Saved {
    return [...this.#denied]
  }

  restore(saved: Saved): void {
    this.#denied.clear()
    for (const key of saved as string[]) this.#denied.add(key)
  }

  /** Back to the default: everything is allowed. */
  reset(): void {
    this.#denied.clear()
  }
}
