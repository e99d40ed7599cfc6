/**
 * Runs the built command on each case of file-cases.ts. It must print one line and exit with code 2, or do its work, within
 * limits of CPU time and memory.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packageRoot } from '../../qemu/support/paths.js'
import { startProgress } from '../../src/support/progress.js'
import { type FileCase, fileCases } from './file-cases.js'
import { type Result, timed } from './result.js'

const CLI = join(packageRoot, 'dist/src/cli.js')
/**
 * CPU time until an error, and until a large platform is served, start-up included; other processes on the machine do not
 * count.
 */
const SECONDS_MAX = 2
const SERVED_SECONDS_MAX = 5
/** Resident memory, likewise. */
const MEGABYTES_MAX = 300
const SERVED_MEGABYTES_MAX = 400
/** Characters; errors repeat the path, which may be long. */
const OUTPUT_MAX = 12_000
/** A command that runs longer is killed. */
const LIMIT_MS = 20_000
const LOOK_MS = 10
const TICKS_PER_SECOND = 100

export interface Met {
  code: number | NodeJS.Signals | 'in time'
  /** It served until it was told to stop. */
  served: boolean
  output: string
  seconds: number
  megabytes: number
}

/** Runs the command; stops it once it serves. */
export async function meet(words: string[], signal?: AbortSignal): Promise<Met> {
  const child = spawn(process.execPath, [CLI, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGKILL',
  })
  const met: Met = { code: 'in time', served: false, output: '', seconds: 0, megabytes: 0 }
  child.on('error', () => {})
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      met.output += text
      if (met.served || !/ ready: /.test(met.output)) return
      met.served = true
      child.kill()
    })
  }
  const looks = setInterval(() => look(child.pid, met), LOOK_MS)
  let late = false
  const limit = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, LIMIT_MS)
  const code = await new Promise<number | NodeJS.Signals>(resolve =>
    child.on('close', (code, signal) => resolve(code ?? signal ?? 0)),
  )
  clearInterval(looks)
  clearTimeout(limit)
  return { ...met, code: late ? 'in time' : code }
}

/** Updates peak memory and CPU time, unless the process has ended. */
function look(pid: number | undefined, met: Met): void {
  try {
    const kilobytes = /VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [user, system] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13)
    if (kilobytes) met.megabytes = Number(kilobytes) / 1024
    met.seconds = (Number(user) + Number(system)) / TICKS_PER_SECOND
  } catch {
    // It has ended.
  }
}

/** How the command failed the case; undefined if it passed. */
export function wrongWith(
  { name, ends }: FileCase,
  { code, served, output, seconds, megabytes }: Met,
): string | undefined {
  const said = output.trimEnd().split('\n')
  const excerpt = `${said.length} lines: ${output.slice(0, 300)}`
  // It prints one for the file, and a summary.
  const linesAllowed = name.startsWith('platform check') ? 2 : 1
  const mayServe = ends !== 'refused'
  if (code === 'in time') return `did not end within ${LIMIT_MS / 1000} s; ${excerpt}`
  if (/^\s+at /m.test(output)) return `a stack: ${excerpt}`
  if (seconds > (served ? SERVED_SECONDS_MAX : SECONDS_MAX)) return `took ${seconds.toFixed(1)} s; ${excerpt}`
  if (megabytes > (served ? SERVED_MEGABYTES_MAX : MEGABYTES_MAX)) return `took ${megabytes.toFixed(0)} MB; ${excerpt}`
  if (mayServe && served && code === 0) return undefined
  if (ends === 'fine') return `did not serve (exit code ${code}); ${excerpt}`
  if (code !== 2) return `ended with ${code}; ${excerpt}`
  return said.length === linesAllowed && output.length < OUTPUT_MAX ? undefined : `not one line, but ${excerpt}`
}

export async function files(signal: AbortSignal): Promise<Result[]> {
  const progress = startProgress('files')
  const cases = fileCases()
  const one = async (each: FileCase): Promise<string[]> => {
    const folder = mkdtempSync(join(tmpdir(), 'scmi-torture-'))
    try {
      const met = await meet(each.arguments(folder), signal)
      const wrong = wrongWith(each, met)
      return wrong === undefined ? [] : [`${each.name}: ${wrong}`]
    } finally {
      rmSync(folder, { recursive: true })
    }
  }
  try {
    return [
      await timed('files', 'bad files and names', async () => {
        const failures: string[] = []
        for (const [i, each] of cases.entries()) {
          if (signal.aborted) break
          progress.update('cases', i / cases.length, each.name)
          failures.push(...(await one(each)))
        }
        return { count: cases.length, failures }
      }),
    ]
  } finally {
    progress.stop()
  }
}
