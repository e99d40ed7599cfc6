/** The action of `send`: connects like a guest, sends one command, prints the answer. */
import { ClientBase, StatusError } from '../client/client.js'
import { VhostUserChannel } from '../client/vhost-user-channel.js'
import { addPlugins } from '../loading/load.js'
import { hexText, type Message, messageText, type Payload } from '../observe/messages.js'
import { namesOf } from '../platform/core/named.js'
import type { Protocol } from '../protocols/declaration/protocol.js'
import { protocols as standardProtocols } from '../protocols/index.js'
import { OperatorError } from '../support/errors.js'
import { thereIsNo } from '../support/known-names.js'
import type { Fields } from '../wire/fields.js'
import { SUCCESS, statusName } from '../wire/status.js'
import { printJsonLine, untilInterrupted } from './ctl/session.js'

export interface SendOptions {
  delayed: boolean
  listen?: number
  timeout: number
  plugin: string[]
  json: boolean
}

const MS = 1000

export async function send(
  socket: string,
  protocol: string,
  message: string | undefined,
  words: readonly string[],
  options: SendOptions,
): Promise<void> {
  const protocols = await addPlugins(standardProtocols, options.plugin)
  if (message === undefined) {
    console.log(commandLines(protocols, protocol).join('\n'))
    return
  }
  const request = requestOf(protocols, protocol, message, words)
  const channel = await VhostUserChannel.connect(socket, { timeoutMs: options.timeout * MS })
  const client = new ClientBase(channel, protocols)
  const print = (message: Message): void =>
    options.json ? printJsonLine(toJson(message)) : console.log(messageText(message))
  try {
    if (options.listen !== undefined) client.listen(message => message.kind === 'notification' && print(message))
    const reply = await request(client)
    print(reply)
    let { status } = reply
    if (options.delayed && status === SUCCESS) {
      const delayed = await client.delayedResponse(reply.token, options.timeout * MS)
      print(delayed)
      status = delayed.status
    }
    if (options.listen !== undefined) await elapse(options.listen, client)
    if (status !== SUCCESS) throw new StatusError(reply.protocol, reply.message, status!)
  } finally {
    client.close()
  }
}

/** Waits `seconds`, or until Ctrl-C if 0. Throws FailedError if the connection ends first. */
function elapse(seconds: number, client: ClientBase): Promise<void> {
  return untilInterrupted(async (signal, end) => {
    const ended = client.ended.then(error => {
      if (!signal.aborted) throw error
    })
    if (seconds > 0) setTimeout(end, seconds * MS)
    const aborted = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()))
    await Promise.race([aborted, ended])
  })
}

/** The request that the arguments describe. Throws OperatorError before anything connects. */
function requestOf(
  protocols: readonly Protocol[],
  protocol: string,
  message: string,
  words: readonly string[],
): (client: ClientBase) => Promise<Message> {
  const messageId = numberOf(message)
  if (messageId === undefined) {
    const values = Object.fromEntries(words.map(fieldOf))
    return client => client.send(nameOf(protocols, protocol), message, values)
  }
  const protocolId = numberOf(protocol) ?? protocols.find(({ name }) => name === protocol)?.id
  if (protocolId === undefined || protocolId > 0xff) throw unknownProtocol(protocols, protocol)
  if (messageId > 0xff) throw new OperatorError(`message ${message}: ids are 0 to 0xff`)
  const payload = new Uint8Array(Uint32Array.from(words.map(wordOf)).buffer)
  return client => client.sendBytes(protocolId, messageId, payload)
}

const numberOf = (text: string): number | undefined =>
  /^(\d{1,10}|0x[0-9a-f]{1,8})$/i.test(text) ? Number(text) : undefined

function wordOf(text: string): number {
  const word = numberOf(text)
  if (word !== undefined && word <= 0xffff_ffff) return word
  throw new OperatorError(`${text}: with a message id, give the payload as numbers from 0 to 0xffffffff`)
}

/** `name=value`; a value in brackets is JSON. */
function fieldOf(word: string): [string, unknown] {
  const [, name, text] = /^([^=]+)=(.*)$/s.exec(word) ?? []
  if (name === undefined || text === undefined) throw new OperatorError(`${word}: write FIELD=VALUE`)
  if (!text.startsWith('[')) return [name, text]
  try {
    return [name, JSON.parse(text)]
  } catch (error) {
    throw new OperatorError(`${name}: ${(error as Error).message}`)
  }
}

function nameOf(protocols: readonly Protocol[], nameOrId: string): string {
  const id = numberOf(nameOrId)
  const found = protocols.find(protocol => protocol.name === nameOrId || protocol.id === id)
  if (!found) throw unknownProtocol(protocols, nameOrId)
  return found.name
}

function unknownProtocol(protocols: readonly Protocol[], given: string): OperatorError {
  const unknown = thereIsNo(`protocol ${given}`, namesOf(protocols))
  return new OperatorError(`${unknown}, or give the ids of protocol and message`)
}

/** The commands of a protocol, each with the fields of its newest layout. */
function commandLines(protocols: readonly Protocol[], protocol: string): string[] {
  const name = nameOf(protocols, protocol)
  const newest = new Map<string, string>()
  const { commands } = protocols.find(candidate => candidate.name === name)!
  for (const { name, request } of [...commands].sort((a, b) => a.id - b.id || a.since - b.since)) {
    newest.set(name, [name, ...fieldNames(request)].join(' '))
  }
  return [...newest.values()]
}

function fieldNames(fields: Fields): string[] {
  return fields.flatMap(field => (field.kind === 'optional' ? fieldNames(field.fields) : [field.name]))
}

function toJson({ kind, protocol, message, token, request, status, reply }: Message): object {
  return {
    kind,
    protocol,
    message,
    token,
    request: payloadJson(request),
    status: status === undefined ? undefined : statusName(status),
    reply: payloadJson(reply),
  }
}

/** 64-bit integers become text; bytes that fit no layout become hex. */
function payloadJson(payload: Payload | undefined): unknown {
  if (payload === undefined || payload instanceof Uint8Array) return payload && hexText(payload)
  return JSON.parse(JSON.stringify(payload, (_, value) => (typeof value === 'bigint' ? String(value) : value)))
}
