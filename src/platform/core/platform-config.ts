/** The checked content of a platform file, from which the platform, its agents and their protocols are built. */

/** What the platform file says about one protocol. */
export interface ProtocolConfig {
  /** Version to announce, as major << 16 | minor. */
  version?: number | undefined
  /** The most asynchronous commands that one agent may have pending. */
  max_pending_async?: number | undefined
}

/** Names of resources by section of the platform file. */
export type ResourceNames = Record<string, string[] | undefined>

/** A device of the Base protocol's permission commands: names of resources that are granted or denied together. */
export interface DeviceConfig {
  name: string
  /** Resource names by section. */
  resources: ResourceNames
}

/** One agent: a guest, on a socket of its own. */
export interface AgentConfig {
  /** 1 and up, in the order of the file; 0 is the platform. */
  id: number
  name: string
  /** May change the permissions of agents (Base protocol). */
  trusted: boolean
  /** Access to resources until a trusted agent changes it, and again after a permission reset. */
  permissions: 'allowed' | 'denied'
  /** Socket that its front end connects to; the command line takes precedence. */
  socket: string | undefined
  /**
   * Names of the resources that it sees, by section, in the order of its ids. It sees all resources of sections that
   * are left out.
   */
  resources: ResourceNames
}

/** A region of guest memory that the platform shares with each guest. */
export interface SharedMemoryConfig {
  /** Guest-physical; undefined: nobody has said it. */
  address: number | undefined
  size: number
  /** How often the platform looks at doorbells. */
  pollUs: number
}

/** An answer that is kept as it was recorded on a board. */
export interface RecordedAnswer {
  protocolId: number
  /** Undefined: the protocol is listed, and answers nothing. */
  messageId: number | undefined
  /** Payload of the request, as hex digits. */
  request: string
  status: number
  /** What follows the status. */
  reply: Uint8Array
}

export interface PlatformConfig {
  vendor: string
  subVendor: string
  implementationVersion: number
  description: string
  /** Status in reply to messages that a protocol does not have: NOT_FOUND or NOT_SUPPORTED. */
  unknownMessage: number
  /** Seed of pseudo-random values: the same seed gives the same values. */
  seed: number
  /** Undefined: there is none. */
  sharedMemory: SharedMemoryConfig | undefined
  /** In the order of the file; empty: one agent that sees everything. */
  agents: AgentConfig[]
  protocols: Record<string, ProtocolConfig | undefined>
  devices: DeviceConfig[]
  /** In the order of the file. Several for one request are given one after the other; the last one stays. */
  recorded: readonly RecordedAnswer[]
  /** The sections, each as its kind's schema returns it. */
  sections: Record<string, unknown>
}
