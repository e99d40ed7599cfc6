/**
 * The lab's consumer module: its source, where a build puts it beside the Image, and where the guest has it. It lets a
 * shell in the guest use resources as drivers do; guest/consumer/consumer.c says how.
 */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { labFile } from '../support/paths.js'

export const consumerModule = 'lab-consumer.ko'
/** Where the guest has it, not loaded: `insmod` does that. */
export const guestConsumerModule = `/lib/${consumerModule}`

const sourceFolder = labFile('guest', 'consumer')
const sourceNames = (): string[] => readdirSync(sourceFolder).sort()

/** Names and texts of the source files, which decide what is built. */
export const consumerSource = (): string[] =>
  sourceNames().flatMap(name => [name, readFileSync(join(sourceFolder, name), 'utf8')])

/** Puts a fresh copy of the source into `folder`, since Kbuild writes beside what it compiles. */
export function copyConsumerSource(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const name of sourceNames()) copyFileSync(join(sourceFolder, name), join(folder, name))
}
