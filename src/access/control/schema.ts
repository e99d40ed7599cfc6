/** The schema of the control service, control.proto, as client and server load it. */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js'
import { loadSync, type PackageDefinition } from '@grpc/proto-loader'
import protobuf from 'protobufjs'
import type { Data, Struct } from '../operations/shapes.js'

/** google.protobuf.Value. */
interface ValueMessage {
  /** In received messages: the field that is set; the others have defaults. */
  kind?: 'nullValue' | 'numberValue' | 'stringValue' | 'boolValue' | 'structValue' | 'listValue'
  nullValue?: number
  numberValue?: number
  stringValue?: string
  boolValue?: boolean
  structValue?: StructMessage
  listValue?: { values: ValueMessage[] }
}

interface StructMessage {
  fields: Record<string, ValueMessage>
}

function toValue(data: Data | undefined): ValueMessage {
  if (data === null || data === undefined) return { nullValue: 0 }
  if (typeof data === 'number') return { numberValue: data }
  if (typeof data === 'string') return { stringValue: data }
  if (typeof data === 'boolean') return { boolValue: data }
  return Array.isArray(data) ? { listValue: { values: data.map(toValue) } } : { structValue: toStruct(data) }
}

function toStruct(data: Struct): StructMessage {
  // Undefined values are absent keys, as in JSON.
  const entries = Object.entries(data).filter(([, value]) => value !== undefined)
  return { fields: Object.fromEntries(entries.map(([key, value]) => [key, toValue(value)])) }
}

function fromValue(value: ValueMessage): Data {
  const { kind, structValue, listValue } = value
  if (kind === 'structValue' && structValue) return fromStruct(structValue)
  if (kind === 'listValue' && listValue) return listValue.values.map(fromValue)
  if (kind === 'numberValue' || kind === 'stringValue' || kind === 'boolValue') return value[kind] ?? null
  return null
}

function fromStruct({ fields }: StructMessage): Struct {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, fromValue(value)]))
}

let definition: PackageDefinition | undefined

/** Names are as in the schema, 64-bit integers become numbers, and a Struct becomes a plain object. */
export function packageDefinition(): PackageDefinition {
  // protobufjs has wrappers for some well-known types; adds one for Struct, before any type is set up.
  protobuf.wrappers['.google.protobuf.Struct'] = {
    fromObject(data) {
      return this.create(toStruct(data as Struct))
    },
    toObject(message) {
      return fromStruct(message as unknown as StructMessage)
    },
  }
  const root = dirname(createRequire(import.meta.url).resolve('#root/package.json'))
  definition ??= loadSync(join(root, 'src/access/control/control.proto'), {
    keepCase: true,
    longs: Number,
    enums: String,
    defaults: true,
  })
  return definition
}

export type Method = MethodDefinition<object, object>

/** The methods of the service, by name. */
export function serviceDefinition(): ServiceDefinition {
  return packageDefinition()['vhost_user_scmi.v1.Control'] as ServiceDefinition
}

/** The operation of a method: `GetStats` calls `getStats`. */
export function operationName(method: string): string {
  return method.charAt(0).toLowerCase() + method.slice(1)
}
