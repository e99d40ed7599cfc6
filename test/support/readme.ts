/** Runs README's commands as a reader would; `npx` runs this checkout's build. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Finished } from '../cli/command.js'

const ROOT = join(import.meta.dirname, '../..')

/** The lines of the only block of shell commands with this text. */
export function readmeLines(text: string): string[] {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
  const blocks = [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block!)
  const [found, ...others] = blocks.filter(block => block.includes(text))
  if (!found || others.length > 0) throw new Error(`README has ${others.length + (found ? 1 : 0)} blocks with ${text}`)
  return found.trim().split('\n')
}

/** Runs a line in bash to its end. */
export function runLine(line: string, env: NodeJS.ProcessEnv = {}): Promise<Finished> {
  const [device, lab] = ['src', 'qemu'].map(folder => `"${process.execPath}" ${join(ROOT, 'dist', folder, 'cli.js')}`)
  const npx = `npx() { case "$1" in scmi-lab) shift; ${lab} "$@";; *) shift; ${device} "$@";; esac; }`
  return new Promise(resolve => {
    const script = `set -o pipefail; ${npx}; ${line}`
    execFile('bash', ['-c', script], { env: { ...process.env, ...env } }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    )
  })
}
