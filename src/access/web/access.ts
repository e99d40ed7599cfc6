/**
 * Access to the page by a link that works once. The link's token is exchanged for a session cookie; then the next link
 * gets a new token.
 */
import { createHash, randomBytes } from 'node:crypto'

const SECRET_BYTES = 32
/** Limit of sessions, one per browser; a new one ends the oldest. */
const SESSIONS_MAX = 16

export class Access {
  #token = secret()
  /** Stored as digests, so that the time of a comparison reveals nothing. */
  readonly #sessions = new Set<string>()

  /** The token of the next link, for one use. */
  get token(): string {
    return this.#token
  }

  /** Exchanges the token for a new session's id; undefined if the token is wrong or used. */
  redeem(token: string): string | undefined {
    if (digest(token) !== digest(this.#token)) return undefined
    this.#token = secret()
    const session = secret()
    const [oldest] = this.#sessions
    if (oldest !== undefined && this.#sessions.size >= SESSIONS_MAX) this.#sessions.delete(oldest)
    this.#sessions.add(digest(session))
    return session
  }

  /** Whether a request's Cookie header has a valid session in the cookie of this name. */
  has(cookies: string | undefined, name: string): boolean {
    return (cookies ?? '').split(/; */).some(cookie => {
      const [key, value = ''] = cookie.split('=', 2)
      return key === name && this.#sessions.has(digest(value))
    })
  }
}

function secret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url')
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
