/** A protocol version, major << 16 | minor, as people write it: `3.1`. */
export function versionText(version: number): string {
  return `${version >>> 16}.${version & 0xffff}`
}
