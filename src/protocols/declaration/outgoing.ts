/** What goes to an agent by its event queue, packed from the fields that the protocol declares. */
import { SUCCESS } from '../../wire/status.js'
import { type NumbersOf, packWords, type WordFields } from '../../wire/words.js'

import type { Subject } from './event-sink.js'
import type { AgentProtocol, Event } from './protocol.js'

/** Sends a notification; `subject` is the resource that it is about, which may be taken from the agent. */
export function notify<F extends WordFields>(
  protocol: AgentProtocol,
  event: Event<string, F>,
  values: NumbersOf<F>,
  subject?: Subject,
): void {
  protocol.notify(event.id, packWords(event.fields, values), subject)
}

/** Sends the delayed response to the command whose header this is: SUCCESS, and `fields`. */
export function respondLater<F extends WordFields>(
  protocol: AgentProtocol,
  header: number,
  fields: F,
  values: NumbersOf<F>,
): void {
  protocol.respondLater(header, packWords(fields, values, [SUCCESS]))
}
