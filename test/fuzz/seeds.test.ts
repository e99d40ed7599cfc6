/** The corpus in the repository must equal the encoded recordings; UPDATE_SEEDS=1 rewrites it. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { FLAT } from '../../src/front-end/memory.js'
import { stop } from '../../src/front-end/qemu.js'
import { InflightRegion } from '../driver/inflight.js'
import { connected, pattern, type RigOptions } from '../native/rig.js'
import { MEMORY_BYTES, RING_SEEDS, SessionRecorder } from './seeds.js'

const CORPUS = join(import.meta.dirname, 'corpus')

/** Sessions of a front end with a real device, step by step. */
async function sessionSeeds(): Promise<Record<string, Uint8Array>> {
  const seeds: Record<string, Uint8Array> = {}
  const memory = [{ guest: FLAT.guest, size: MEMORY_BYTES }]
  const options: Record<string, RigOptions> = {
    qemu: { memory, size: 8, eventSize: 8 },
    'qemu-event-idx-indirect': { memory, size: 8, eventSize: 8, eventIdx: true, form: 'indirect' },
    'memory-slots': { memory, size: 8, eventSize: 8, memSlots: true },
  }
  for (const [name, option] of Object.entries(options)) {
    const rig = await connected(option)
    const { frontEnd, driver } = rig
    const recorder = new SessionRecorder()
    recorder.attach(frontEnd, rig.memory, driver.queues)
    if (name === 'qemu') await InflightRegion.get(frontEnd, 2, 8).then(region => region.close())
    await rig.start()
    driver.post(pattern(8), 16)
    driver.postEventBuffers(2, 32)
    recorder.memory(rig.memory)
    driver.cmdq.publish()
    recorder.kick(0)
    recorder.event(12)
    await driver.cmdq.collect(1)
    const bases = await stop(frontEnd, driver.queues)
    recorder.reconnect()
    await rig.start({ bases })
    seeds[name] = recorder.take()
    await rig.close()
  }
  return seeds
}

it('the seeds of the fuzz targets are up to date', async () => {
  const wanted = { session: await sessionSeeds(), ring: RING_SEEDS }
  for (const [target, seeds] of Object.entries(wanted)) {
    const folder = join(CORPUS, target)
    mkdirSync(folder, { recursive: true })
    if (process.env.UPDATE_SEEDS) {
      for (const [name, bytes] of Object.entries(seeds)) writeFileSync(join(folder, name), bytes)
    }
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(Object.keys(seeds)))
    for (const [name, bytes] of Object.entries(seeds)) {
      expect(new Uint8Array(readFileSync(join(folder, name))), `${target}/${name}`).toEqual(Uint8Array.from(bytes))
    }
  }
})
