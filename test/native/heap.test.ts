/** What the device costs the JavaScript heap: nothing per message. */
import { PerformanceObserver } from 'node:perf_hooks'
import { expect, it } from 'vitest'
import { Traffic } from '../driver/traffic.js'
import { turns } from '../driver/wait.js'
import { started } from './rig.js'

const MIB = 1 << 20

it.each([true, false])(
  'a million messages grow the heap by less than 1 MiB, garbage included: EVENT_IDX %s',
  async eventIdx => {
    expect(gc).toBeTypeOf('function')
    let collections = 0
    const observer = new PerformanceObserver(list => {
      collections += list.getEntries().length
    })
    const rig = await started({
      size: 1024,
      eventIdx,
      form: 'indirect',
      onBatch: (count, backEnd) => backEnd.echo(count),
    })
    rig.backEnd.batches.length = 0
    const traffic = new Traffic(rig.driver.cmdq, rig.memory, { indirect: true, limitMs: 15_000 })
    await traffic.run(200_000)
    gc!()
    await turns()
    observer.observe({ entryTypes: ['gc'] })
    const before = process.memoryUsage().heapUsed
    await traffic.run(1_200_000)
    const grown = process.memoryUsage().heapUsed - before
    await turns()
    observer.disconnect()
    expect(collections).toBe(0)
    expect(grown).toBeLessThan(MIB)
  },
)
