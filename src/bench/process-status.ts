/** Information of the kernel about processes (proc(5)). */
import { readdirSync, readFileSync } from 'node:fs'

/** The unit of /proc/stat and /proc/PID/stat on every Linux that Node runs on. */
export const MS_PER_TICK = 10

/** CPU time so far of this process and of its children that have ended, in milliseconds. */
export function cpuMsOfFamily(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8')
  // utime, stime, cutime, cstime; counted from the end of the name, which may contain spaces.
  const ticks = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 15)
  return ticks.reduce((sum, field) => sum + Number(field), 0) * MS_PER_TICK
}

/** CPU time of all threads so far, in milliseconds. */
export function cpuMsOf(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`)
  const nanoseconds = threads.map(thread =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
  )
  return nanoseconds.reduce((sum, ns) => sum + ns, 0) / 1e6
}

/** Resident kilobytes without shared memory, which is the guest's own. */
export function residentKb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1])
  return field('RssAnon') + field('RssFile')
}
