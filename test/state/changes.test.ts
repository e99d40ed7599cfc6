/**
 * The keeper saves only parts that have reported a change, and misses none: after each batch of random messages, timers, settings of
 * the host and new drivers, the file holds what all parts would save. FUZZ_SEED repeats a failure.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Device } from '../../src/device/device.js'
import { clocks } from '../../src/platform/clocks/index.js'
import type { Kept, Saved } from '../../src/platform/core/kept.js'
import type { Property } from '../../src/platform/core/property.js'
import { VirtualTime } from '../../src/platform/core/time.js'
import { agentsOf } from '../../src/platform/file/config.js'
import imx from '../../src/plugins/imx/index.js'
import type { Protocol } from '../../src/protocols/declaration/protocol.js'
import { protocols as standard } from '../../src/protocols/index.js'
import { serve } from '../../src/server/serve.js'
import type { Server } from '../../src/server/server.js'
import { partsOf } from '../../src/state/parts.js'
import { RequestError } from '../../src/support/errors.js'
import { inFolder } from '../cli/command.js'
import { Random } from '../driver/random.js'
import { cases, configs, texts } from '../support/kept-side.js'
import { CheckedEvents, RandomMessages } from '../support/random-messages.js'

const BATCHES = 400
const SHAPE = { strangeIds: 5, strangeLengths: 5, strangeWords: 20, strangeRooms: 5 }

const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
console.info(`changes in state files: FUZZ_SEED=${seed}`)

function partsIn(server: Server): [name: string, part: Kept][] {
  const agents = server.devices.map(({ agent }) => agent)
  const parts = partsOf(server.platform, server.protocols, agents)
  for (const { agent, events } of server.devices) parts.push([`agents/${agent.name}/events`, events])
  return parts
}

const PIECE = 32 << 10

/** What a file holds from an offset on, up to a zero: the rest of a half. */
function written(path: string, at: number): string {
  const fd = openSync(path, 'r')
  const parts: Buffer[] = []
  for (let end = -1; end < 0; at += PIECE) {
    const piece = Buffer.alloc(PIECE)
    readSync(fd, piece, 0, PIECE, at)
    end = piece.indexOf(0)
    parts.push(end < 0 ? piece : piece.subarray(0, end))
  }
  closeSync(fd)
  return Buffer.concat(parts).toString()
}

/** The last saved value of each part in the file, as JSON, by the part's name. */
function partsInFile(path: string): Record<string, string> {
  const said: Record<string, string> = {}
  const head = written(path, 0).split('\n', 1)[0]!
  const { room } = JSON.parse(head.slice('checksum '.length)) as { room: number }
  const lines = [0, 1].flatMap(i => [...written(path, head.length + 1 + i * room).matchAll(/^\w{8} (\d+) (.*)$/gm)])
  // A half begins with the whole state; the older half has lower generations.
  const current = Math.max(...lines.map(([, generation]) => Number(generation)))
  for (const [, generation, json] of lines) {
    if (Number(generation) !== current) continue
    const { state } = JSON.parse(json!) as { state: Record<string, Saved> }
    for (const [name, saved] of Object.entries(state)) said[name] = JSON.stringify(saved)
  }
  return said
}

/** Sets a random property of the protocol's resources to a random allowed value. */
function setSomething({ platform }: Server, { resource }: Protocol, random: Random): void {
  if (!resource) return
  const groups = resource.properties?.(platform.model(resource), platform) ?? []
  const properties = groups.flatMap(({ resources }) => resources.flatMap(({ properties }) => properties))
  if (properties.length === 0) return
  const property: Property = properties[random.below(properties.length)]!
  const allowed = property.allowed?.()
  if (!property.set) return
  try {
    if (property.type === 'flag') property.set(random.below(2) === 1)
    else if (allowed && 'step' in allowed) property.set(random.below(2) === 1 ? allowed.max : allowed.min)
    else if (allowed && allowed.length > 0) property.set(allowed[random.below(allowed.length)]!)
  } catch (error) {
    // Agents may need it as it is.
    if (!(error instanceof RequestError)) throw error
  }
}

async function serveIn(folder: string, preset: string, time: VirtualTime): Promise<{ server: Server; state: string }> {
  const state = join(folder, 'state')
  const names = agentsOf(configs[preset]!).map(({ name }) => name)
  const endpoints = Object.fromEntries(names.map(name => [name, { socketPath: join(folder, name) }]))
  const server = await serve({ platform: { text: texts[preset as keyof typeof texts] }, endpoints, state, time })
  // As if drivers had started their event queues but offered no buffers.
  for (const { events } of server.devices) events.available = true
  return { server, state }
}

/** Random messages, which learn from the replies, for each agent that is served the protocol. */
function messagesOf(server: Server, { id }: Protocol): Map<Device, RandomMessages> {
  const events = new CheckedEvents([...standard, ...imx])
  const messages = new Map<Device, RandomMessages>()
  for (const [i, device] of server.devices.entries()) {
    const { agent } = device
    const served = agent.protocols[id]
    const options = { agent, events, digest: () => 0, shape: SHAPE, seed: seed + i }
    if (served) messages.set(device, new RandomMessages({ ...options, served }))
  }
  return messages
}

describe('after each batch the file holds the state of the platform', () => {
  it.each(cases)('$name of $preset', ({ preset, protocol }) =>
    inFolder(async folder => {
      const time = new VirtualTime()
      const { server, state } = await serveIn(folder, preset, time)
      const random = new Random(seed)
      const messages = messagesOf(server, protocol)
      for (let batch = 0; batch < BATCHES; batch++) {
        const device = server.devices[random.below(server.devices.length)]!
        const what = random.below(20)
        if (what === 0) time.advance(random.below(3_000_000))
        else if (what < 4) setSomething(server, protocol, random)
        else if (what === 4) device.forgetDriver()
        else messages.get(device)?.send(1 + random.below(8))
        server.keeper!.commit()
        const all = partsIn(server).map(([name, part]) => [name, JSON.stringify(part.save())])
        expect(partsInFile(state), `batch ${batch}`).toEqual(Object.fromEntries(all))
      }
      server.close()
    }),
  )

  it('setting a rate on `large` saves one part of 1,758', () =>
    inFolder(async folder => {
      const state = join(folder, 'state')
      const server = await serve({ platform: 'large', endpoint: { socketPath: join(folder, 'scmi') }, state })
      let saves = 0
      for (const [, part] of partsIn(server)) {
        const save = part.save.bind(part)
        part.save = () => {
          saves++
          return save()
        }
      }
      const model = server.platform.model(clocks)
      const clock = model.list.find(({ range }) => range.min < range.max)!
      model.setRate(clock, clock.range.max, 1)
      server.keeper!.commit()
      expect(saves).toBe(1)
      server.close()
    }))
})
