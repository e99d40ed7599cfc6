/** Where an operation sends what it streams: one subscriber, behind whatever transport. */
export interface Sink<Message> {
  send(message: Message): void
  /** Whether there is room for more: a subscriber who is slow misses something, nobody waits for it. */
  ready(): boolean
}
