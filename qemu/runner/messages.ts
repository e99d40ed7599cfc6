/** What guest and platform say to each other while a scenario looks: some bugs show only in the messages. */
import { type Message, MessageDecoder } from '../../src/observe/messages.js'
import type { Values } from '../../src/wire/fields.js'
import type { Server } from '../devices/device.js'

/** The messages since a scenario began to listen, or since it last took them. */
export class Heard {
  readonly #server: Server
  #messages: Message[] = []

  constructor(server: Server) {
    this.#server = server
    const decoder = new MessageDecoder(server.protocols)
    server.tap.listen(records => {
      while (records.next()) {
        const message = decoder.record(records)
        if (message) this.#messages.push(message)
      }
    })
  }

  /** Takes all messages of this name. */
  take(name: string): Message[] {
    this.#server.tap.flush()
    const taken = this.#messages.filter(({ message }) => message === name)
    this.#messages = this.#messages.filter(({ message }) => message !== name)
    return taken
  }

  /** Takes the commands of this name: the fields of each. */
  commands(name: string): Values[] {
    return this.take(name)
      .filter(({ kind }) => kind === 'command')
      .map(({ request }) => request as Values)
  }

  /** Takes the messages of this name, and counts those of a kind. */
  count(name: string, kind: Message['kind']): number {
    return this.take(name).filter(message => message.kind === kind).length
  }

  /** Forgets what was said. */
  clear(): void {
    this.#server.tap.flush()
    this.#messages = []
  }
}
