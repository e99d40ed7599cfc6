/** Placeholder of the real thing (coming): shapes only. */
export interface PlatformConfig {
  vendor: string
  subVendor: string
  implementationVersion: number
  protocols: Record<string, { version?: number | undefined } | undefined>
  sections: Record<string, unknown>
}
