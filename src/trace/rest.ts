/**
 * Keeps the thread that encodes a trace from slowing down what it records. A low priority is not enough: where it is the
 * third busy thread on two cores, the scheduler has the device and its front end take turns on one of them, and messages
 * take ten times as long, until it sleeps and leaves a core idle. So it sleeps as soon as anybody has to wait.
 */
import { existsSync, readFileSync } from 'node:fs'

/** Many times as long as the work between two rests, which lasts some 2 ms. */
const REST_MS = 50

/** What a thread has done so far, in nanoseconds: ran, and waited for a core (Linux, scheduler/sched-stats.rst). */
function times(file: string): [ran: number, waited: number] {
  const [ran, waited] = readFileSync(file, 'latin1').split(' ')
  return [Number(ran), Number(waited)]
}

/**
 * What this thread calls after each piece of work: sleeps if this thread or the process's first one, which is that of the
 * devices, had to wait for a core half as long as this one worked. Does not once `hurry` is 1, and wakes when that is
 * notified; nor on a kernel without CONFIG_SCHED_INFO, which does not tell.
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
