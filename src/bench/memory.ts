/** Memory cost of serving: for one guest, and for each further one. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDevice } from './back-ends.js'
import { measure } from './front-end.js'
import { residentKb } from './process-status.js'
import type { Memory } from './result.js'
import type { Scenario } from './scenario.js'

/** Long enough for code to be compiled and the heap to settle. */
const TRAFFIC = { warmupMs: 0, measureMs: 500 }

interface Options {
  platform: string
  pollUs: number | 'auto'
  guests: number
  scenario: Scenario
  signal: AbortSignal
}

/** Serves one guest, then all, in two processes under load, and compares their resident memory. */
export async function measureMemory({ guests, scenario, signal, ...device }: Options): Promise<Memory> {
  const folder = mkdtempSync(join(tmpdir(), 'scmi-bench-'))
  const residentServing = async (count: number): Promise<number> => {
    const sockets = Array.from({ length: count }, (_, i) => join(folder, `${count}-${i}.sock`))
    const backEnd = await startDevice(sockets, device)
    try {
      await measure(sockets, { ...scenario, guests: count }, TRAFFIC, signal)
      return residentKb(backEnd.pid!)
    } finally {
      await backEnd.close()
    }
  }
  try {
    const oneGuestKb = await residentServing(1)
    const allGuestsKb = await residentServing(guests)
    return { guests, oneGuestKb, allGuestsKb, perFurtherGuestKb: Math.round((allGuestsKb - oneGuestKb) / (guests - 1)) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
