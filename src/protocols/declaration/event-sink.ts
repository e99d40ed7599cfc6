/** Where protocols send what no command asked for: notifications and delayed responses. */

/** The resource that a notification is about. */
export interface Subject {
  readonly name: string
}

/** The agent's side of the event queue. Both take the payload as 32-bit words. */
export interface EventSink {
  /** Whether the driver has an event queue at all (VIRTIO_SCMI_F_P2A_CHANNELS negotiated). */
  readonly available: boolean
  /** So many delayed responses wait for the driver that no more may be added. */
  readonly congested: boolean
  /** Queues a notification about `subject`. May be dropped, and counted, when the driver offers no buffers for long. */
  notify(header: number, words: number[], subject?: Subject): void
  /** Queues a delayed response; never dropped while the driver lives. */
  respondLater(header: number, words: number[]): void
  /** Drops queued notifications. Not needed by a sink that queues none. */
  drop?(which: (header: number, subject: Subject | undefined) => boolean): void
}
