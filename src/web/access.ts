/**
 * Who may see the page: whoever opens the printed link, once. The link's token is exchanged for a session, which the
 * browser keeps in a cookie; the next link has another token.
 */
import { createHash, randomBytes } from 'node:crypto'

const SECRET_BYTES = 32
/** Browsers that have the page open or could open it again; the oldest session ends when there is one more. */
const SESSIONS_MAX = 16

export class Access {
  /** Digests, so that the time a comparison takes tells nothing. */
  #token = ''
  #link = ''
  readonly #sessions = new Set<string>()

  constructor() {
    this.#renew()
  }

  /** The token of the next link: good for one use. */
  get token(): string {
    return this.#link
  }

  /** Exchanges the token for a new session's id; undefined if it is not the right one, or was used before. */
  redeem(token: string): string | undefined {
    if (digest(token) !== this.#token) return undefined
    this.#renew()
    const session = secret()
    this.#sessions.add(digest(session))
    if (this.#sessions.size > SESSIONS_MAX)
      for (const oldest of [...this.#sessions].slice(0, 1)) this.#sessions.delete(oldest)
    return session
  }

  /** Whether a request's Cookie header has a session in a cookie of this name. */
  has(cookies: string | undefined, name: string): boolean {
    return (cookies ?? '').split(/; */).some(cookie => {
      const [key, value = ''] = cookie.split('=', 2)
      return key === name && this.#sessions.has(digest(value))
    })
  }

  #renew(): void {
    this.#link = secret()
    this.#token = digest(this.#link)
  }
}

function secret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url')
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
