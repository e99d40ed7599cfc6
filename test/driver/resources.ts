/** The descriptors and mapped memory files of this process: those of the device and of the mock driver. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Every open descriptor as `number → target`, without the one that lists them. */
export function openFds(): Map<number, string> {
  const open = new Map<number, string>()
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      open.set(Number(name), readlinkSync(`/proc/self/fd/${name}`))
    } catch {
      // The directory's own descriptor is closed by now.
    }
  }
  return open
}

/** Mappings of memory files; the JavaScript engine has none, so the number is exact. */
export function memoryMappings(): number {
  return readFileSync('/proc/self/maps', 'utf8').split('/memfd:').length - 1
}

export interface Resources {
  fds: Map<number, string>
  mappings: number
}

export const resources = (): Resources => ({ fds: openFds(), mappings: memoryMappings() })

/** The differences between `before` and `now`, for people; empty if there are none. */
export function difference(before: Resources, now: Resources): string {
  const lines: string[] = []
  for (const [fd, target] of now.fds) if (!before.fds.has(fd)) lines.push(`fd ${fd} is new: ${target}`)
  for (const [fd, target] of before.fds) if (!now.fds.has(fd)) lines.push(`fd ${fd} is gone: ${target}`)
  if (now.mappings !== before.mappings)
    lines.push(`mapped memory files: ${before.mappings} before, ${now.mappings} now`)
  return lines.join('\n')
}
