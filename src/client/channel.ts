/** Transport to a platform: sends and receives whole messages. Knows no more of SCMI; client.ts interprets them. */
export interface Channel {
  /** Sends a command, header first. Resolves with the reply; empty if the platform returned the buffers unanswered. */
  exchange(message: Uint8Array): Promise<Uint8Array>
  /** The client sets this: receives each notification and delayed response, header first. */
  onEvent: ((message: Uint8Array) => void) | undefined
  /** Resolves when the connection has ended. */
  readonly ended: Promise<Error>
  /** Closes the connection and rejects everything pending. */
  close(): void
}

/** Size of buffers for replies and events: header, status and 128 bytes, Linux' default. */
export const CAPACITY = 136
