/**
 * Who may see the page: whoever opens the printed link, once. The link's token is exchanged for a session, which the
 * browser keeps in a cookie; the next link has another token.
 */
import { createHash, randomBytes } from 'node:crypto'

const SECRET_BYTES = 32
/** Browsers that have the page open or could open it again; the oldest session ends when there is one more. */
const SESSIONS_MAX = 16

export class Access {
  #token = secret()
  /** Digests: the time that a comparison takes tells nothing of what was compared. */
  readonly #sessions = new Set<string>()

  /** The token of the next link: good for one use. */
  get token(): string {
    return this.#token
  }

  /** Exchanges the token for a new session's id; undefined if it is not the right one, or was used before. */
  redeem(token: string): string | undefined {
    if (digest(token) !== digest(this.#token)) return undefined
    this.#token = secret()
    const session = secret()
    const [oldest] = this.#sessions
    if (oldest !== undefined && this.#sessions.size >= SESSIONS_MAX) this.#sessions.delete(oldest)
    this.#sessions.add(digest(session))
    return session
  }

  /** Whether a request's Cookie header has a session in a cookie of this name. */
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
