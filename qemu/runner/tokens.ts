/** A command that is given another's token: the raw mode takes any, drivers get what is free. */
import { tokenOf } from '../../src/wire/header.js'
import type { Context } from './context.js'

/** Tells, from now on, the token of the message that hits a fault rule first; 0 until then. */
export function firstHit(t: Context): { readonly token: number } {
  const seen = { token: 0 }
  t.server.faults.once('hit', ({ header }) => {
    seen.token = tokenOf(header)
  })
  return seen
}

/** Sends Base's PROTOCOL_VERSION with that token, in the background; `expectAnswered` waits for its end. */
export async function ask(t: Context, token: number): Promise<void> {
  await t.call('ask', [token])
}

/** It has got its own answer: a success, and a version of Base, which is 2.something. */
export async function expectAnswered(t: Context, what: string, because: string): Promise<void> {
  await t.expect(what, { because, got: () => t.call('asked'), is: /^status 0 \(SUCCESS\)\n0x0002\d{4}$/ })
}
