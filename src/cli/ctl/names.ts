/** Names of a running device, for completion: of what options and arguments ask for, by their own names. */
import type { Command, Option } from 'commander'
import type { ControlClient } from '../../access/control/client.js'
import type { Description, ProtocolEntry } from '../../access/operations/shapes.js'
import { STATUS_NAMES } from '../../wire/status.js'

export interface Candidate {
  text: string
  description?: string
}

/** What stands on the line before the word in question. */
export interface Typed {
  command: Command
  operands: string[]
  /** Of options, by their attribute names. */
  values: Record<string, string>
  /** The word is the value of this option. */
  option?: Option
}

type Find = (client: ControlClient, typed: Typed, last: string) => Promise<Candidate[]>

/** Candidates from the description of the platform. */
function described(find: (description: Description, typed: Typed, last: string) => Candidate[]): Find {
  return async (client, typed, last) => find(await client.call('describe', undefined), typed, last)
}

const FINDERS: Record<string, Find> = {
  address: described(addresses),
  value: described(values),
  agent: described(({ agents }) => agents.map(({ name }) => ({ text: name }))),
  protocol: described(({ protocols }) => protocols.map(({ name }) => ({ text: name }))),
  message: described(messages),
  'field=value': described(fields),
  status: async () => STATUS_NAMES.map(text => ({ text })),
  id: async client => {
    const { faults } = await client.call('listFaults', undefined)
    return faults.map(({ id, rule }) => ({ text: String(id), description: JSON.stringify(rule) }))
  },
}

/** How to find what an option or argument of this name can be; undefined: it is not known. */
export function candidatesFor(name: string): Find | undefined {
  return FINDERS[name]
}

/** Kinds first, then the resources of one, then the properties of one of these. */
function addresses({ resources }: Description, { command }: Typed, last: string): Candidate[] {
  const settable = command.name() === 'set'
  const wanted = resources.flatMap(resource => {
    const properties = resource.properties.filter(property => property.settable || !settable)
    return properties.length > 0 ? [{ ...resource, properties }] : []
  })
  const within = wanted.filter(({ address }) => last.startsWith(`${address}.`))
  if (within.length > 0) {
    return within.flatMap(({ properties }) =>
      properties.map(({ address, description }) => ({ text: address, description })),
    )
  }
  const kinds = new Set(wanted.map(({ kind }) => kind))
  if (!last.includes('.')) {
    const alone = (kind: string) => wanted.some(({ kind: of, name }) => of === kind && name === '')
    return [...kinds].map(kind => ({ text: alone(kind) ? kind : `${kind}.` }))
  }
  return wanted.map(({ address, properties }) => {
    return { text: address, description: properties.map(({ name }) => name).join(', ') }
  })
}

/** What the property that was named can be set to. */
function values({ resources }: Description, { operands: [address] }: Typed): Candidate[] {
  const resource = resources.find(resource => resource.address === address)
  const named = resource ? `${resource.address}.${resource.main}` : address
  const property = resources.flatMap(({ properties }) => properties).find(property => property.address === named)
  if (!property) return []
  const flags = property.type === 'flag' ? ['on', 'off'] : []
  // A space would end the word: 24 MHz is 24MHz as well.
  return [...flags, ...property.values, property.word].filter(Boolean).map(text => ({ text: text.replace(' ', '') }))
}

/** The protocols that were named, or all. */
function protocolsOf({ protocols }: Description, { operands, values }: Typed): ProtocolEntry[] {
  const name = values.protocol ?? operands[0]
  const named = protocols.filter(protocol => protocol.name === name)
  return named.length > 0 ? named : protocols
}

/** Notifications where one is sent; of rules, what they are for; else all. */
function messages(description: Description, typed: Typed): Candidate[] {
  const { command, values } = typed
  const notifications = command.name() !== 'add' || values.on === 'notification'
  const commands = command.name() !== 'notify' && values.on !== 'notification'
  const names = protocolsOf(description, typed).flatMap(protocol => [
    ...(commands ? protocol.commands : []),
    ...(notifications ? protocol.notifications.map(({ name }) => name) : []),
  ])
  return [...new Set(names)].map(text => ({ text }))
}

function fields(description: Description, typed: Typed): Candidate[] {
  const { operands } = typed
  const event = protocolsOf(description, typed)
    .flatMap(({ notifications }) => notifications)
    .find(({ name }) => name === operands[1])
  const given = operands.slice(2).map(text => text.replace(/=.*/, ''))
  return (event?.fields ?? []).filter(name => !given.includes(name)).map(name => ({ text: `${name}=` }))
}
