/** Description of a running platform as plain data, for pages, completion and clients. */
import { resolve } from 'node:path'
import type { Endpoint } from '../../device/endpoint.js'
import { addressOf, type Resources } from '../../observe/resources.js'
import type { Reading } from '../../observe/watcher.js'
import { allowedText, type Property, valueText } from '../../platform/core/property.js'
import type { Protocol } from '../../protocols/declaration/protocol.js'
import type { Field } from '../../wire/fields.js'
import type { Served } from '../served.js'
import type {
  AgentSocket,
  Description,
  PlatformSource,
  PropertyEntry,
  ProtocolEntry,
  ReadingEntry,
  ResourceEntry,
} from './shapes.js'

/** Longer lists of values are described by text only. */
const VALUES_MAX = 256

export function describe(server: Served, resources: Resources, version: string): Description {
  const { config } = server.platform
  return {
    version,
    vendor: config.vendor,
    sub_vendor: config.subVendor,
    implementation_version: config.implementationVersion,
    description: config.description,
    agents: server.devices.map(({ agent, connected }, i) => ({
      id: agent.id,
      name: agent.name,
      trusted: agent.trusted,
      connected,
      endpoint: endpointText(server.endpoints[i]),
      protocols: agent.protocols.flatMap(served => served?.protocol.name ?? []),
    })),
    resources: resources.groups.flatMap(group =>
      group.resources.map((resource): ResourceEntry => {
        const address = addressOf(group, resource)
        const properties = resource.properties.map(property => propertyEntry(property, address))
        return { kind: group.kind, name: resource.name, address, main: resource.main ?? '', properties }
      }),
    ),
    protocols: server.protocols.map(protocolEntry),
  }
}

export function platformSource({ origin, devices, endpoints }: Served): PlatformSource {
  const { name, text, folder, plugins = [] } = origin
  const agents = devices.map(({ agent, connected }, i): AgentSocket => {
    const endpoint = endpoints[i]
    const dials = endpoint !== undefined && 'connectPath' in endpoint
    return { name: agent.name, socket: socketOf(endpoint), dials, connected }
  })
  return { name, text, folder, plugins: [...plugins], agents }
}

function socketOf(endpoint: Endpoint | undefined): string {
  return endpoint === undefined || 'fd' in endpoint ? '' : resolve(endpointText(endpoint))
}

function endpointText(endpoint: Endpoint | undefined): string {
  if (!endpoint) return ''
  if ('connectPath' in endpoint) return endpoint.connectPath
  return 'fd' in endpoint ? `fd ${endpoint.fd}` : endpoint.socketPath
}

function propertyEntry(property: Property, address: string): PropertyEntry {
  const { name, description, type, unit, set, word } = property
  const allowed = set ? property.allowed?.() : undefined
  const range = allowed && 'step' in allowed ? { range: allowed } : {}
  const values = allowed && !('step' in allowed) && allowed.length <= VALUES_MAX ? allowed : []
  return {
    name,
    address: `${address}.${name}`,
    description,
    type,
    unit: unit?.name ?? '',
    settable: set !== undefined,
    allowed: set ? allowedText(property) : '',
    values: values.map(value => valueText(property, value)),
    ...range,
    word: word?.name ?? '',
  }
}

function protocolEntry({ id, name, commands, events }: Protocol): ProtocolEntry {
  // Versions of a protocol may have different layouts of a message; takes the newest.
  const notifications = new Map(events.map(event => [event.id, event]))
  return {
    id,
    name,
    commands: [...new Set(commands.map(command => command.name))],
    notifications: [...notifications.values()].map(event => ({
      id: event.id,
      name: event.name,
      fields: event.fields.flatMap(fieldNames),
    })),
  }
}

function fieldNames(field: Field): string[] {
  return field.kind === 'optional' ? field.fields.flatMap(fieldNames) : [field.name]
}

export function readingEntry({ place: { address, property }, value }: Reading): ReadingEntry {
  return {
    address,
    ...(typeof value === 'number' ? { number: value } : {}),
    ...(typeof value === 'boolean' ? { flag: value } : {}),
    ...(typeof value === 'string' ? { text: value } : {}),
    unit: property.unit?.name ?? '',
    shown: valueText(property, value),
  }
}
