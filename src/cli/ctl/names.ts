/** Names for completion: those of the running device, and what options of `vhost-user-scmi` can be besides files. */
import type { Command } from 'commander'
import { ControlClient } from '../../access/control/client.js'
import { defaultControlPath } from '../../access/control/socket.js'
import type { Description, ProtocolEntry } from '../../access/operations/shapes.js'
import { presetNames } from '../../platform/file/presets.js'
import { FailedError, OperatorError } from '../../support/errors.js'
import { STATUS_NAMES } from '../../wire/status.js'
import { type Candidate, commandNamed, type Find, type Names, type Typed } from '../completion/candidates.js'

const presets: Find = async () => presetNames().map(text => ({ text }))

/** Candidates from the running device; none if there is none, as errors would spoil the prompt. */
function asked(find: (client: ControlClient, typed: Typed, last: string) => Promise<Candidate[]>): Find {
  return async (typed, last) => {
    try {
      const client = await ControlClient.open(String(typed.values.control ?? defaultControlPath()))
      try {
        return await find(client, typed, last)
      } finally {
        client.close()
      }
    } catch (error) {
      if (error instanceof OperatorError || error instanceof FailedError) return []
      throw error
    }
  }
}

/** Candidates from the platform's description. */
function described(find: (description: Description, typed: Typed, last: string) => Candidate[]): Find {
  return asked(async (client, typed, last) => find(await client.call('describe', undefined), typed, last))
}

export const NAMES: Names = {
  finders: {
    platform: presets,
    'file|preset': presets,
    address: described(addresses),
    value: described(values),
    agent: described(({ agents }) => agents.map(({ name }) => ({ text: name }))),
    protocol: described(({ protocols }) => protocols.map(({ name }) => ({ text: name }))),
    message: described(messages),
    'field=value': described(fields),
    status: async () => STATUS_NAMES.map(text => ({ text })),
    id: asked(async client => {
      const { faults } = await client.call('listFaults', undefined)
      return faults.map(({ id, rule }) => ({ text: String(id), description: JSON.stringify(rule) }))
    }),
  },
  async define(program: Command, words: readonly string[]): Promise<void> {
    if (!words.includes('fault')) return
    const { addRuleOptions } = await import('./faults.js')
    const add = commandNamed(commandNamed(commandNamed(program, 'ctl'), 'fault'), 'add')
    if (add) addRuleOptions(add)
  },
}

/** First kinds, then the resources of a kind, then the properties of a resource. */
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

/** Allowed values of the property on the line. */
function values({ resources }: Description, { operands: [address] }: Typed): Candidate[] {
  const resource = resources.find(resource => resource.address === address)
  const named = resource ? `${resource.address}.${resource.main}` : address
  const property = resources.flatMap(({ properties }) => properties).find(property => property.address === named)
  if (!property) return []
  const flags = property.type === 'flag' ? ['on', 'off'] : []
  // A space would end the word; 24MHz means the same as 24 MHz.
  return [...flags, ...property.values, property.word].filter(Boolean).map(text => ({ text: text.replace(' ', '') }))
}

/** The protocols named on the line, or all. */
function protocolsOf({ protocols }: Description, { operands, values }: Typed): ProtocolEntry[] {
  const name = values.protocol ?? operands[0]
  const named = protocols.filter(protocol => protocol.name === name)
  return named.length > 0 ? named : protocols
}

/** For `notify` notifications, for `fault add` the kind of message that the rule affects, otherwise all. */
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
