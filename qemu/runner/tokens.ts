/** A command with another command's token: the raw mode accepts any token, drivers get a free one. */
import { tokenOf } from '../../src/wire/header.js'
import type { Context } from './context.js'

/** Returns a function that gives the token of the first message that a fault rule hits from now on; 0 until then. */
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

/** The command got its own reply: SUCCESS and Base's version, 2.x. */
export async function expectAnswered(t: Context, what: string, because: string): Promise<void> {
  await t.expect(what, { because, got: () => t.call('asked'), is: /^status 0 \(SUCCESS\)\n0x0002\d{4}$/ })
}
