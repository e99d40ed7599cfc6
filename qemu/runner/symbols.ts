/**
 * Adds files and lines to the functions in a kernel's log, with addr2line. This needs a vmlinux with debug information
 * beside the Image, or at its place in a built tree; without one the log is unchanged.
 */
import { dirname, relative } from 'node:path'
import { vmlinuxOf } from '../kernel/image-file.js'
import { run } from '../support/process.js'
import { crossTool } from '../support/tools.js'

/** function+offset/size, as the kernel prints an address (%pS). */
const PLACE = /\b([A-Za-z_][\w.]*)\+0x([0-9a-f]+)\/0x([0-9a-f]+)/

interface Place {
  key: string
  name: string
  offset: number
  size: number
}

/** Adds file and line to the lines of a log that name an address. */
export async function withLines(log: readonly string[], image: string): Promise<string[]> {
  const vmlinux = vmlinuxOf(image)
  const places = vmlinux ? placesIn(log) : []
  if (places.length === 0) return [...log]
  const lines = await lookUp(vmlinux!, places)
  return log.map(line => {
    const found = lines.get(PLACE.exec(line)?.[0] ?? '')
    return found ? `${line} (${found})` : line
  })
}

function placesIn(log: readonly string[]): Place[] {
  const places = new Map<string, Place>()
  for (const line of log) {
    const [key, name, offset, size] = PLACE.exec(line) ?? []
    if (key)
      places.set(key, { key, name: name!, offset: Number.parseInt(offset!, 16), size: Number.parseInt(size!, 16) })
  }
  return [...places.values()]
}

/** Functions with the same name are told apart by their size. */
async function lookUp(vmlinux: string, places: readonly Place[]): Promise<Map<string, string>> {
  const wanted = new Map(places.map(({ name, size }) => [`${name} ${size}`, 0n]))
  for (const row of (await run(crossTool('nm'), ['-S', vmlinux])).split('\n')) {
    const [address, size, , name] = row.split(' ')
    const id = `${name} ${Number.parseInt(size!, 16)}`
    if (wanted.has(id)) wanted.set(id, BigInt(`0x${address}`))
  }
  const known = places.flatMap(({ key, name, offset, size }) => {
    const start = wanted.get(`${name} ${size}`)!
    return start === 0n ? [] : [{ key, address: `0x${(start + BigInt(offset)).toString(16)}` }]
  })
  const stdin = known.map(({ address }) => address).join('\n')
  const answers = (await run(crossTool('addr2line'), ['-e', vmlinux], { stdin })).trimEnd().split('\n')
  const lines = known.map(({ key }, index): [string, string] => [
    key,
    answers[index]!.replace(/ \(discriminator.*/, ''),
  ])
  return new Map(lines.flatMap(([key, line]) => (line.startsWith('??') ? [] : [[key, shorten(line, vmlinux)]])))
}

/** Paths in the source tree are relative to it. */
function shorten(line: string, vmlinux: string): string {
  const path = relative(dirname(vmlinux), line)
  return path.startsWith('..') ? line : path
}
