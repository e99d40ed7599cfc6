/** The schema has every field of requests and replies: gRPC silently drops others. */
import { join } from 'node:path'
import protobuf from 'protobufjs'
import { expect, it } from 'vitest'
import { operationName } from '../../src/access/control/schema.js'
import { Operations } from '../../src/access/operations/operations.js'
import { setUp } from './rig.js'

type Name = Exclude<keyof Operations, 'server' | 'resources'>
/** Requests with every field; a new operation needs an entry. */
type Examples = { [Key in Name]: Required<Parameters<Operations[Key]>[0] & object> | undefined }

const schema = new protobuf.Root()
schema.loadSync(join(import.meta.dirname, '../../src/access/control/control.proto'), { keepCase: true })
const service = schema.lookupService('vhost_user_scmi.v1.Control')

/** Fields of `value` that are not in the schema. */
function unknown(value: unknown, type: protobuf.Type, path: string): string[] {
  if (Array.isArray(value)) return value.flatMap(entry => unknown(entry, type, path))
  return Object.entries(value as object).flatMap(([name, field]) => {
    const known = type.fields[name]?.resolve()
    if (!known) return [`${path}.${name}`]
    const isData = known instanceof protobuf.MapField || known.resolvedType?.fullName.startsWith('.google.')
    const inner = !isData && field !== undefined && known.resolvedType instanceof protobuf.Type
    return inner ? unknown(field, known.resolvedType as protobuf.Type, `${path}.${name}`) : []
  })
}

it('of every operation', async () => {
  const { server, folder, guest } = await setUp()
  const filter = { agents: ['linux'], protocols: ['base'], messages: [], statuses: [], kinds: [] }
  const fields = { agent_id: 0, clock_id: 1, rate: 48_000_000 }
  const examples: Examples = {
    describe: undefined,
    describeAgent: { agent: 'linux' },
    getPlatform: undefined,
    get: { addresses: [] },
    set: { address: 'clock.uart', value: '48 MHz' },
    watch: { addresses: [], interval_ms: 20 },
    notify: { agent: 'linux', protocol: 'clock', message: 'CLOCK_RATE_CHANGED', fields, count: 1, rate: 1 },
    requestPower: { state: 'shutdown', forced: false, timeout_ms: 1000 },
    addFault: { rule: { drop: true, times: 1, protocol: 'clock' } },
    listFaults: undefined,
    releaseFault: { id: 1 },
    removeFault: { id: 1 },
    clearFaults: undefined,
    streamMessages: { ...filter, failed: false, max_per_second: 100 },
    getStats: undefined,
    startTrace: { file: join(folder, 'trace') },
    getTrace: undefined,
    stopTrace: undefined,
  }
  const operations = new Operations(server, '1')
  const lost: string[] = []
  let asked: Promise<unknown> | undefined
  for (const [name, request] of Object.entries(examples)) {
    const method = service.methodsArray
      .find(method => operationName(method.name) === name)!
      .resolve() as protobuf.Method
    lost.push(...unknown(request ?? {}, method.resolvedRequestType!, `${name}(request)`))
    const told = (reply: unknown) => lost.push(...unknown(reply, method.resolvedResponseType!, name))
    const run = Reflect.get(operations, name).bind(operations)
    if (method.responseStream) {
      let stop = (): void => {}
      await new Promise<void>(resolve => {
        const send = (reply: unknown) => {
          told(reply)
          resolve()
        }
        stop = run(request, { ready: () => true, send })
        // Gives the stream of messages one to send.
        asked = guest.send(0x10, 0)
      })
      stop()
      await asked
    } else told(await run(request ?? {}))
  }
  expect(lost).toEqual([])
})
