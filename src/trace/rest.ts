/**
 * Keeps the encoding thread from slowing down the devices. A low priority is not enough: as the third busy thread on
 * two cores it makes the scheduler put the device and its front end on one core in turns, which makes messages take ten
 * times as long until it sleeps. So it sleeps as soon as another thread has to wait.
 */
import { existsSync, readFileSync } from 'node:fs'

/** Many times as long as the work between two rests, some 2 ms. */
const REST_MS = 50

/** Nanoseconds that a thread has run, and has waited for a core (Linux, scheduler/sched-stats.rst). */
function times(file: string): [ran: number, waited: number] {
  const [ran, waited] = readFileSync(file, 'latin1').split(' ')
  return [Number(ran), Number(waited)]
}

/**
 * Returns a function that the thread calls after each piece of work. It sleeps if this thread or the process's first
 * thread, which runs the devices, waited for a core for at least half the time that this one worked. It does not sleep
 * once `hurry` is 1, and wakes when that is notified; nor on kernels without CONFIG_SCHED_INFO.
 */
export function rests(hurry: Int32Array): () => void {
  const [own, devices] = ['/proc/thread-self/schedstat', `/proc/self/task/${process.pid}/schedstat`]
  if (!existsSync(devices)) return () => {}
  let [[ran, waited], [, devicesWaited]] = [times(own), times(devices)]
  const look = (): boolean => {
    const [before, waitedBefore, devicesBefore] = [ran, waited, devicesWaited]
    ;[[ran, waited], [, devicesWaited]] = [times(own), times(devices)]
    return 2 * Math.max(waited - waitedBefore, devicesWaited - devicesBefore) > ran - before
  }
  return () => {
    if (Atomics.load(hurry, 0) === 1 || !look()) return
    Atomics.wait(hurry, 0, 0, REST_MS)
    look()
  }
}
