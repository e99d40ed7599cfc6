/** One subscriber of a stream, whatever the transport. */
export interface Sink<Message> {
  send(message: Message): void
  /** Whether the subscriber can take more; a slow one misses messages, and nothing waits for it. */
  ready(): boolean
}
