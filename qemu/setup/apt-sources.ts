/** Where this machine gets Debian's packages from: apt's source lists, and the mirror of Debian that they name. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { hasApt } from '../support/tools.js'

export const sourcesFolder = '/etc/apt/sources.list.d'

/** The texts of apt's own source lists. */
export function aptSources(): string[] {
  const folder = existsSync(sourcesFolder) ? readdirSync(sourcesFolder).map(name => join(sourcesFolder, name)) : []
  const files = ['/etc/apt/sources.list', ...folder.filter(name => /\.(list|sources)$/.test(name))]
  return files.filter(existsSync).map(name => readFileSync(name, 'utf8'))
}

/** The environment's name for a mirror of Debian's, as `http://deb.debian.org/debian`. */
export const MIRROR_VARIABLE = 'SCMI_LAB_DEBIAN_MIRROR'

/** The mirror that is asked for, else the one this machine uses for Debian itself, else Debian's name for the nearest one. */
export function debianMirror(sources: string[] = aptSources()): string {
  const named = process.env[MIRROR_VARIABLE]
  if (named) return named.replace(/\/+$/, '')
  if (!hasApt()) return 'https://deb.debian.org/debian'
  const lines = sources.flatMap(text => text.split('\n')).filter(line => /^(deb |URIs:)/.test(line))
  const addresses = lines
    .flatMap(line => line.match(/[a-z]+:\/\/\S+/g) ?? [])
    .map(address => address.replace(/\/+$/, ''))
  return (
    addresses.find(address => /^(https?|ftp|file|mirror\S*):.*\/debian$/.test(address)) ??
    'http://deb.debian.org/debian'
  )
}
