/** `ctl show`: the whole platform, resources in detail, or one agent's view. */
import type { ControlClient } from '../../access/control/client.js'
import type { AgentEntry, Description, PropertyEntry, ReadingEntry } from '../../access/operations/shapes.js'
import { tableLines } from '../../observe/tables.js'
import type { Row } from '../../protocols/declaration/protocol.js'
import { printable } from '../../support/printable.js'
import { type CtlOptions, printJson, printLine, withDevice } from './session.js'

const COLUMNS_MAX = 8

export async function show(addresses: string[], options: CtlOptions & { agent?: string }): Promise<void> {
  await withDevice(options, async client => {
    if (options.agent !== undefined) await showAgent(client, options.agent, options)
    else await showResources(client, addresses, options)
  })
}

async function showAgent(client: ControlClient, agent: string, { json }: CtlOptions): Promise<void> {
  const description = await client.call('describeAgent', { agent })
  if (json) printJson(description)
  else for (const [title, rows] of Object.entries(description.tables)) printTable(title, rows)
}

async function showResources(client: ControlClient, addresses: string[], { json }: CtlOptions): Promise<void> {
  // Fails for unknown names before anything is printed.
  const { readings } = await client.call('get', { addresses })
  const description = await client.call('describe', undefined)
  const values = new Map(readings.map(reading => [reading.address, reading]))
  if (json) printJson({ ...description, resources: detailed(description, values) })
  else if (addresses.length > 0) printTable('', detailRows(description, values))
  else printPlatform(description, values)
}

/** The requested resources, with their values. */
function detailed({ resources }: Description, values: ReadonlyMap<string, ReadingEntry>) {
  return resources.flatMap(resource => {
    const properties = resource.properties.flatMap(property => {
      const reading = values.get(property.address)
      return reading ? [{ ...property, ...reading }] : []
    })
    return properties.length > 0 ? [{ ...resource, properties }] : []
  })
}

function detailRows(description: Description, values: ReadonlyMap<string, ReadingEntry>): Row[] {
  const properties = detailed(description, values).flatMap(resource => resource.properties)
  return properties.map(({ address, shown, allowed, description }) => {
    return { address, value: shown, 'can be set to': allowed || undefined, meaning: description }
  })
}

function printPlatform(description: Description, values: ReadonlyMap<string, ReadingEntry>): void {
  const { vendor, sub_vendor, implementation_version, version, agents, resources } = description
  const identity = [vendor, sub_vendor].filter(Boolean).join(':')
  printLine(`${identity}, version 0x${implementation_version.toString(16)}, on vhost-user-scmi ${version}`)
  if (description.description) printLine(description.description)
  printTable('agents', agents.map(agentRow))
  for (const kind of new Set(resources.map(resource => resource.kind))) {
    const ofKind = resources.filter(resource => resource.kind === kind)
    printTable(kind, kindRows(ofKind.map(({ name, properties }) => [name, valuesOf(properties, values)])))
  }
}

function agentRow({ id, name, connected, endpoint, protocols }: AgentEntry): Row {
  return { id, name, connected, endpoint, protocols }
}

/** Resources of one kind with a column per property, or with all values in one column if there are too many. */
function kindRows(resources: [name: string, values: Record<string, string>][]): Row[] {
  const columns = new Set(resources.flatMap(([, values]) => Object.keys(values)))
  return resources.map(([name, values]) => {
    const named = name ? { name } : {}
    if (columns.size <= COLUMNS_MAX) return { ...named, ...values }
    const texts = Object.entries(values).map(([key, value]) => `${key} ${value}`)
    return { ...named, values: texts.join(', ') }
  })
}

/** Values by property name, without write-only properties. */
function valuesOf(properties: PropertyEntry[], values: ReadonlyMap<string, ReadingEntry>): Record<string, string> {
  const shown = properties.flatMap(({ name, address }) => {
    const text = values.get(address)?.shown
    return text === undefined || text === '-' ? [] : [[name, text]]
  })
  return Object.fromEntries(shown)
}

function printTable(title: string, rows: readonly object[]): void {
  const lines = tableLines(rows as readonly Row[])
  if (title === '') console.log(lines.join('\n'))
  else console.log(['', printable(title).replaceAll('_', ' '), ...lines.map(line => `  ${line}`)].join('\n'))
}
