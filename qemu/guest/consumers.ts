/**
 * The lab's modules, with which a shell in the guest uses resources as drivers do (guest/consumer/consumer.c), and the
 * kernel's operations of the SCMI protocols (guest/consumer/protocols.c): their source, and their places beside the Image
 * and in the guest.
 */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { labFile } from '../support/paths.js'

export const LAB_MODULES = ['lab-consumer.ko', 'lab-protocols.ko'] as const
/** The path of a module in the guest; `insmod` loads it. */
export const guestModule = (name: (typeof LAB_MODULES)[number]): string => `/lib/${name}`

const SOURCE_FOLDER = labFile('guest', 'consumer')
const sourceNames = (): string[] => readdirSync(SOURCE_FOLDER).sort()

/** Names and texts of the source files: part of a kernel's hash. */
export const consumerSource = (): string[] =>
  sourceNames().flatMap(name => [name, readFileSync(join(SOURCE_FOLDER, name), 'utf8')])

/** Puts a fresh copy of the source into `folder`, since Kbuild writes beside what it compiles. */
export function copyConsumerSource(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const name of sourceNames()) copyFileSync(join(SOURCE_FOLDER, name), join(folder, name))
}
