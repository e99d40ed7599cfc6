/** Ids that stand for somebody other than an agent; agents have ids from 1 up. */

/** The platform itself, on the wire too; also whoever changes it from the host. */
export const PLATFORM_AGENT = 0

/** The boot firmware, which started clocks and domains before any agent ran. An agent's first vote for one ends its vote. */
export const BOOT_FIRMWARE = -1
