/** `ctl fault`: the options of `add` come from the keys of the rule schema. */
import { type Command, Option } from 'commander'
import { z } from 'zod'
import type { FaultEntry, Struct } from '../../access/operations/shapes.js'
import { faultRule } from '../../faults/rules/rule.js'
import { tableLines } from '../../observe/tables.js'
import { repeated } from '../arguments.js'
import { type CtlOptions, printJson, printLine, withDevice } from './session.js'
import { cliValue, keyedValues } from './values.js'

interface KeySchema {
  type?: string
  const?: unknown
  description?: string
  enum?: string[]
  anyOf?: KeySchema[]
}

/** The keys of a rule, without those that only programs can give. */
function keys(): [name: string, schema: KeySchema][] {
  const { properties } = z.toJSONSchema(faultRule, { io: 'input', unrepresentable: 'any' })
  return Object.entries(properties as Record<string, KeySchema>).filter(([name]) => name !== 'rewrite')
}

export function addRuleOptions(command: Command): void {
  for (const [name, schema] of keys()) command.addOption(ruleOption(name, schema))
  command.addHelpText(
    'after',
    `
Examples:
  vhost-user-scmi ctl fault add --protocol clock --message CLOCK_RATE_SET --drop --times 3
  vhost-user-scmi ctl fault add --protocol sensor --status BUSY --probability 0.1
  vhost-user-scmi ctl fault add --message CLOCK_RATE_GET --where clock_id=1 --fields rate=0 --delay '50 ms'`,
  )
}

function ruleOption(name: string, schema: KeySchema): Option {
  const flag = `--${name.replaceAll('_', '-')}`
  const description = schema.description ?? ''
  if (schema.const === true) return new Option(flag, description)
  if (schema.type === 'object') {
    return new Option(`${flag} <key=value>`, `${description}; repeatable`).argParser(repeated)
  }
  const kind = ['number', 'integer'].includes(schema.type ?? '') ? 'n' : schema.type === 'boolean' ? 'yes|no' : 'value'
  const option = new Option(`${flag} <${kind}>`, description)
  return schema.enum ? option.choices(schema.enum) : option
}

/** A rule from the given options; the device checks it. */
function ruleFrom(options: Record<string, unknown>): Struct {
  const rule: Record<string, unknown> = {}
  for (const [name, schema] of keys()) {
    const given = options[name.replace(/_./g, match => match.charAt(1).toUpperCase())]
    if (given === undefined) continue
    rule[name] = fromText(given, schema)
  }
  return rule as Struct
}

function fromText(given: unknown, schema: KeySchema): unknown {
  if (Array.isArray(given)) return keyedValues(given)
  if (typeof given !== 'string') return given
  if (schema.type === 'boolean') return given === 'yes' ? true : given === 'no' ? false : given
  if (schema.type === 'number') return /^\d*\.?\d+(e-?\d+)?$/i.test(given) ? Number(given) : given
  return schema.type === 'string' ? given : cliValue(given)
}

export async function add(options: Record<string, unknown>, shared: CtlOptions): Promise<void> {
  const fault = await withDevice(shared, client => client.call('addFault', { rule: ruleFrom(options) }))
  if (shared.json) printJson(fault)
  else printLine(`rule ${fault.id}: ${ruleText(fault)}`)
}

export async function list(options: CtlOptions): Promise<void> {
  const { faults } = await withDevice(options, client => client.call('listFaults', undefined))
  printFaults(faults, options)
}

export async function end(how: 'release' | 'remove', id: number, options: CtlOptions): Promise<void> {
  const { faults } = await withDevice(options, client =>
    client.call(how === 'release' ? 'releaseFault' : 'removeFault', { id }),
  )
  printFaults(faults, options)
}

export async function clear(options: CtlOptions): Promise<void> {
  const { faults } = await withDevice(options, client => client.call('clearFaults', undefined))
  printFaults(faults, options)
}

function printFaults(faults: FaultEntry[], options: CtlOptions): void {
  if (options.json) printJson(faults)
  else if (faults.length === 0) console.log('no fault rules')
  else {
    const rows = faults.map(fault => {
      const { id, hits, held, active } = fault
      return { id, hits, held: held || undefined, active, rule: ruleText(fault) }
    })
    console.log(tableLines(rows).join('\n'))
  }
}

function ruleText({ rule }: FaultEntry): string {
  return Object.entries(rule)
    .map(([key, value]) => `${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ')
}
