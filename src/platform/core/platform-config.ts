/** What a platform file says, checked: what the platform, its agents and their protocols are built from. */

/** What the platform file says about one protocol. */
export interface ProtocolConfig {
  /** Version to announce, as major << 16 | minor. */
  version?: number | undefined
  /** Most asynchronous commands of one agent that may be under way at once. */
  max_pending_async?: number | undefined
}

/** Names of resources by section of the platform file. */
export type ResourceNames = Record<string, string[] | undefined>

/** A device of the Base protocol's permission commands: names of resources that are granted or taken together. */
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
  /** May change agents' permissions (Base protocol). */
  trusted: boolean
  /** What it may do with resources until a trusted agent says otherwise, and again when its permissions are reset. */
  permissions: 'allowed' | 'denied'
  /** Where its front end connects, unless the command line says it. */
  socket: string | undefined
  /** Names of the resources it sees, by section, in the order of its ids; a section that is left out is seen whole. */
  resources: ResourceNames
}

export interface PlatformConfig {
  vendor: string
  subVendor: string
  implementationVersion: number
  description: string
  /** Status that answers messages that a protocol does not have: NOT_FOUND or NOT_SUPPORTED. */
  unknownMessage: number
  /** Where pseudo-random values begin; the same seed gives the same values. */
  seed: number
  /** As the file lists them; none is one that sees everything. */
  agents: AgentConfig[]
  protocols: Record<string, ProtocolConfig | undefined>
  devices: DeviceConfig[]
  /** The parsed sections, each as its kind's schema returns it. */
  sections: Record<string, unknown>
}
