/**
 * The kernel's operations of the SCMI protocols, and its events, as the lab's module gives them to the guest's shell
 * (guest/consumer/protocols.c). What an operation prints is in operations.c, measures.c and imx.c beside it.
 */
import type { Context } from './context.js'

/** How long a busy guest may take for an event. */
const EVENT_LIMIT_MS = 10_000

/** Calls an operation, such as `perf level_set 0 600`: its results, "done" if it has none, or the error's text. */
export const call = (t: Context, words: string): Promise<string> => t.call('call', words.split(' '))

/** The same, with what must come of it. */
export async function expectCall(
  t: Context,
  what: string,
  because: string,
  words: string,
  is: string | RegExp,
): Promise<void> {
  await t.expect(what, { because, got: () => call(t, words), is })
}

/** Each of these calls of a protocol is refused if N is the id of a resource that there is not. */
export async function expectUnknown(
  t: Context,
  protocol: string,
  id: number,
  calls: readonly string[],
  because: string,
  is: string | RegExp,
): Promise<void> {
  for (const words of calls) {
    await expectCall(
      t,
      `${words}: there is none of that id`,
      because,
      `${protocol} ${words.replace('N', String(id))}`,
      is,
    )
  }
}

/** A listener for an event of the kernel's. */
interface Listener {
  protocol: string
  number: string
}

/** Registers a listener: `listen(t, 'perf limits_changed 0')`; `devm_listen` is registered for the device's lifetime. */
export async function listen(t: Context, words: string, how: 'listen' | 'devm_listen' = 'listen'): Promise<Listener> {
  const [protocol = '', ...rest] = words.split(' ')
  const number = await t.expect(`a listener for "${words}" can be registered`, {
    because: 'notify.c:scmi_notifier_register',
    got: () => t.call('call', [protocol, how, ...rest]),
    is: /^\d+$/,
  })
  return { protocol, number }
}

export async function unlisten(t: Context, { protocol, number }: Listener): Promise<void> {
  await expectCall(
    t,
    `listener ${number} ends`,
    'notify.c:scmi_notifier_unregister',
    `${protocol} unlisten ${number}`,
    'done',
  )
}

/** The listener has heard these events, a line each, and nothing else since it was asked last. */
export async function expectHeard(
  t: Context,
  what: string,
  because: string,
  { protocol, number }: Listener,
  is: string | RegExp,
): Promise<void> {
  await t.expect(what, { because, got: () => t.call('await_event', [protocol, number]), is })
}

/** It has heard nothing, of what others have heard by now. */
export async function expectSilence(t: Context, what: string, because: string, listener: Listener): Promise<void> {
  await t.expect(what, { because, got: () => t.call('heard', [listener.protocol, listener.number]), is: 'done' })
}

/** While `act` runs, the device hands out so many notifications. */
export async function expectSent(
  t: Context,
  what: string,
  because: string,
  act: () => void,
  is: number,
): Promise<void> {
  const count = () => t.device.stats().notificationsSent
  const before = count()
  act()
  await t.expect(what, { because, got: () => count() - before, is, withinMs: is > 0 ? EVENT_LIMIT_MS : 0 })
}

/** A change on the platform, and what listeners are told of it. */
export interface Change {
  act: () => void
  /** The line of text that the module makes of the event. */
  line: string
}

interface EventTest {
  /** Protocol and event, as `listen` takes them. */
  event: string
  /** The source that changes, and another one. */
  source: number
  other: number
  /** Two changes of the source, and one that nobody listens to any more. */
  changes: [Change, Change, Change]
  because: string
}

/**
 * An event reaches each listener of its source, the one for all sources, and no other; who has unregistered hears no more,
 * and with the last one the platform is told to be silent.
 */
export async function expectEvents(t: Context, { event, source, other, changes, because }: EventTest): Promise<void> {
  const [first, second, third] = changes
  await t.step(`listen for ${event}`)
  const listeners = {
    'the first': await listen(t, `${event} ${source}`),
    'the second': await listen(t, `${event} ${source}`, 'devm_listen'),
    'the one for all sources': await listen(t, event),
  }
  const elsewhere = await listen(t, `${event} ${other}`)
  first.act()
  for (const [name, one] of Object.entries(listeners)) {
    await expectHeard(t, `${event}: ${name} is told`, because, one, first.line)
  }
  await expectSilence(t, `${event}: the listener for another source is not`, because, elsewhere)
  await unlisten(t, listeners['the first'])
  second.act()
  const { 'the first': _, ...rest } = listeners
  for (const [name, one] of Object.entries(rest)) {
    await expectHeard(t, `${event}: ${name} is still told when the first has ended`, because, one, second.line)
  }
  for (const one of [...Object.values(rest), elsewhere]) await unlisten(t, one)
  const disables = 'notify.c:scmi_put_active_handler disables the event when its last user is gone'
  await expectSent(t, `${event}: the platform sends no more`, disables, third.act, 0)
}
