/** What a trace tells of a platform: commands with their answers, in the order of the trace, from whatever kind of file. */

/** A command and its answer. */
export interface Exchange {
  protocolId: number
  messageId: number
  /** Payloads: the request without header, the reply without header and status. */
  request: Uint8Array
  /** Undefined: no answer came. */
  status: number | undefined
  reply: Uint8Array
  /** Time from the command to its answer; undefined: the trace has none. */
  tookNs: number | undefined
  /** Time from the answer to the delayed response. */
  delayedNs?: number
}

/** The content of trace files. */
export interface Heard {
  exchanges: Exchange[]
  /** What was amiss with a trace, one line each, for people. */
  remarks: string[]
  /** Plug-ins that the trace names, whose protocols it has. */
  plugins: { name: string; folder: string }[]
}
