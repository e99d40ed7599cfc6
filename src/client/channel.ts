/** The way to a platform: whole messages out and back. Knows no SCMI beyond that; client.ts gives them meaning. */
export interface Channel {
  /** Sends a command, header first. Resolves with the reply; empty if the platform returned the buffers unanswered. */
  exchange(message: Uint8Array): Promise<Uint8Array>
  /** Set by the client: takes each notification and delayed response, header first. */
  onEvent: ((message: Uint8Array) => void) | undefined
  /** Resolves when there is nothing at the other end any more. */
  readonly ended: Promise<Error>
  /** Rejects everything that is still waited for. */
  close(): void
}

/** Bytes of a reply or event: header, status, 128 bytes, as Linux's driver has them by default. */
export const CAPACITY = 136
