/** The modules that a guest gets: those built with its kernel, and the lab's modules. None is loaded. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { guestModule, LAB_MODULES } from './consumers.js'
import type { GuestFile } from './image.js'

/** The modules' folder, below the folder of the Image and below the guest's root. */
export const MODULES_FOLDER = join('lib', 'modules')

/** The module files beside a kernel's Image. */
export function moduleFiles(kernel: string): GuestFile[] {
  const home = dirname(kernel)
  const file = (from: string, path: string): GuestFile => ({ path, content: readFileSync(from) })
  const ours = LAB_MODULES.filter(name => existsSync(join(home, name))).map(name =>
    file(join(home, name), guestModule(name)),
  )
  const folder = join(home, MODULES_FOLDER)
  if (!existsSync(folder)) return ours
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const paths = names.map(name => join(folder, name)).filter(path => statSync(path).isFile())
  return [...ours, ...paths.map(path => file(path, `/${relative(home, path)}`))]
}
