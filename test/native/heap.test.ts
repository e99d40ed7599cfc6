/** Messages allocate nothing on the JavaScript heap, neither in the device alone nor with a whole platform. */
import { PerformanceObserver } from 'node:perf_hooks'
import { expect, it, test } from 'vitest'
import { turns } from '../../src/front-end/wait.js'
import { Traffic } from '../driver/traffic.js'
import { started } from './rig.js'
import { expectAllRight, RING, served } from './served.js'

const MIB = 1 << 20
const MILLION = 1_000_000

/** Heap bytes for one turn of the waiting driver: an immediate is an object, and a clock reading may be one. */
async function costOfTurn(): Promise<number> {
  const COUNT = 10_000
  const measure = () =>
    new Promise<void>(resolve => {
      let left = COUNT
      const look = () => {
        if (performance.now() < 0 || left-- === 0) resolve()
        else setImmediate(look)
      }
      look()
    })
  await measure()
  gc!()
  const before = process.memoryUsage().heapUsed
  await measure()
  return Math.max(0, process.memoryUsage().heapUsed - before) / COUNT
}

it.each([true, false])(
  'a million messages grow the heap by less than 1 MiB, garbage included: EVENT_IDX %s',
  async eventIdx => {
    expect(gc).toBeTypeOf('function')
    let collections = 0
    const observer = new PerformanceObserver(list => {
      collections += list.getEntries().length
    })
    const rig = await started({ size: 1024, eventIdx, form: 'indirect' })
    const traffic = new Traffic(rig.driver.cmdq, rig.memory, { indirect: true, limitMs: 15_000 })
    await traffic.run(200_000)
    const perTurn = await costOfTurn()
    gc!()
    await turns()
    observer.observe({ entryTypes: ['gc'] })
    const turnsBefore = traffic.turns
    const before = process.memoryUsage().heapUsed
    await traffic.run(1_200_000)
    const grown = process.memoryUsage().heapUsed - before
    const waiting = (traffic.turns - turnsBefore) * perTurn
    await turns()
    observer.disconnect()
    expect(collections).toBe(0)
    expect(grown - waiting, `${grown} bytes, ${Math.round(waiting)} of them for waiting`).toBeLessThan(MIB)
  },
)

test('a million messages grow the heap by less than half a MiB, garbage included, and nothing is collected', async () => {
  const { server, round } = await served()
  let collections = 0
  const observer = new PerformanceObserver(list => {
    collections += list.getEntries().length
  })
  const rounds = Math.ceil(MILLION / RING)
  /** Bytes by which they grow the heap. */
  const growth = async (count: number): Promise<number> => {
    gc!()
    await turns()
    observer.observe({ entryTypes: ['gc'] })
    const before = process.memoryUsage().heapUsed
    await round(rounds, count)
    const after = process.memoryUsage().heapUsed
    await turns()
    observer.disconnect()
    return after - before
  }
  await round(200)
  // Turns of the event loop allocate, whatever is sent.
  const [one, all] = [await growth(1), await growth(RING)]
  expect(collections).toBe(0)
  expect(all - one, `${all} bytes; ${one} with a message in place of ${RING}`).toBeLessThan(MIB / 2)
  expectAllRight(server)
})
