/** Requests of pages: operations by name with a schema of their request, since anything may arrive on a socket. */
import { z } from 'zod'
import { isDeeperThan } from '../../support/depth.js'
import { RequestError } from '../../support/errors.js'
import type { Operations } from '../operations/operations.js'
import type { Data, Notified } from '../operations/shapes.js'
import type { Requests } from './wire.js'

/** Nesting limit of requests; a fault rule has four levels. */
const DEPTH_MAX = 20

/** Runs an operation with a page's request. Throws OperatorError if it is refused. */
export type Run = (operations: Operations, request: unknown) => Notified | object

const data: z.ZodType<Data> = z.json()
const struct = z.record(z.string(), data)
const names = z.array(z.string()).exactOptional()
const fault = z.strictObject({ id: z.int() })

const messageFilter = z.strictObject({
  agents: names,
  protocols: names,
  messages: names,
  statuses: names,
  kinds: names,
  failed: z.boolean().exactOptional(),
})

const envelope = z.union([
  z.strictObject({ op: z.literal('show'), filter: messageFilter.nullable() }),
  z.strictObject({ op: z.string(), id: z.int(), request: z.unknown() }),
])

export const requests: Readonly<Record<keyof Requests, Run>> = {
  set: run(z.strictObject({ address: z.string(), value: z.string() }), (operations, request) =>
    operations.set(request),
  ),
  notify: run(
    z.strictObject({ agent: z.string().exactOptional(), protocol: z.string(), message: z.string(), fields: struct }),
    (operations, request) => operations.notify(request),
  ),
  requestPower: run(z.strictObject({ state: z.string(), forced: z.boolean() }), (operations, request) =>
    operations.requestPower(request),
  ),
  addFault: run(z.strictObject({ rule: struct }), (operations, request) => operations.addFault(request)),
  releaseFault: run(fault, (operations, request) => operations.releaseFault(request)),
  removeFault: run(fault, (operations, request) => operations.removeFault(request)),
}

function run<Schema extends z.ZodType>(
  schema: Schema,
  operation: (operations: Operations, request: z.output<Schema>) => Notified | object,
): Run {
  return (operations, request) => operation(operations, checked(schema, request))
}

/** Parses and checks the text of a page's message. Throws RequestError. */
export function parseMessage(text: string): z.output<typeof envelope> {
  try {
    const message: unknown = JSON.parse(text)
    if (isDeeperThan(message, DEPTH_MAX)) {
      throw new RequestError('INVALID_ARGUMENT', `lists and maps are nested more than ${DEPTH_MAX} deep`)
    }
    return checked(envelope, message)
  } catch (error) {
    if (error instanceof SyntaxError) throw new RequestError('INVALID_ARGUMENT', `not JSON: ${error.message}`)
    throw error
  }
}

function checked<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const { success, data, error } = schema.safeParse(value)
  if (success) return data
  const { path, message } = error.issues[0]!
  throw new RequestError('INVALID_ARGUMENT', `${path.join('.') || 'request'}: ${message}`)
}
