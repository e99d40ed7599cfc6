/** Trace files that can't be written, that end early, and that are something else. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { until } from '../../src/front-end/wait.js'
import { serve } from '../../src/server/serve.js'
import { readTrace } from '../../src/trace/reader.js'
import { socketPath } from '../native/rig.js'
import { encodePackets } from './encode.js'
import { CLOCK, platform, RATE_GET, type Served, served } from './served.js'

// Hundreds of traces are read.
vi.setConfig({ testTimeout: 120_000 })

async function recorded({ server, guest, folder }: Served, messages: number): Promise<string> {
  const path = join(folder, 'trace')
  const trace = await server.startTrace(path)
  for (let i = 0; i < messages; i++) await guest.send(CLOCK, RATE_GET, i % 3)
  await trace.stop()
  return path
}

describe('files that can be written to', () => {
  it.each([
    { path: '/nowhere/trace', says: /^\/nowhere\/trace: there is no folder \/nowhere; make it, or give another file$/ },
    { path: '/tmp', says: /^\/tmp: is a folder; give a file in it$/ },
    { path: '/dev/full', says: /^\/dev\/full: no space left on device; free some space, or give a file elsewhere$/ },
  ])('$path is refused in a line', async ({ path, says }) => {
    const { server, guest } = await served()
    await expect(server.startTrace(path)).rejects.toThrow(says)
    // The device still works, and can record to another file.
    expect(await guest.send(CLOCK, RATE_GET, 1)).toEqual([0, 24e6, 0])
    expect(server.tap.active).toBe(false)
  })

  it('a file that is not a trace is left alone', async () => {
    const { server, folder } = await served()
    const path = join(folder, 'board.yaml')
    writeFileSync(path, 'vendor: acme\n')
    await expect(server.startTrace(path)).rejects.toThrow(`${path} exists and is not a trace`)
    expect(readFileSync(path, 'utf8')).toBe('vendor: acme\n')
  })

  it('an old trace is overwritten, one that is being written is not', async () => {
    const first = await served()
    const path = await recorded(first, 3)
    const trace = await first.server.startTrace(path)
    await expect(first.server.startTrace(join(first.folder, 'b'))).rejects.toThrow(
      /is being recorded to .*trace; stop it/,
    )
    const second = await served()
    await expect(second.server.startTrace(path)).rejects.toThrow(`${path}: another trace is being written to it`)
    await first.guest.send(CLOCK, RATE_GET, 1)
    await trace.stop()
    expect(readTrace(path).events.filter(({ what }) => what === 'message')).toHaveLength(1)
    const { messages } = await (await second.server.startTrace(path)).stop()
    expect(messages).toBe(0)
  })

  it('of two that are started at once one is refused; closing the server ends the other', async () => {
    const { server, folder } = await served()
    const [first, second] = [server.startTrace(join(folder, 'a')), server.startTrace(join(folder, 'b'))]
    await expect(second).rejects.toThrow(`a trace is being recorded to ${join(folder, 'a')}`)
    server.close()
    expect(await (await first).stop()).toMatchObject({ recording: false, messages: 0 })
    expect(readTrace(join(folder, 'a')).complete).toBe(true)
  })

  it('a server does not start without the trace it was asked for', async () => {
    const endpoint = { socketPath: socketPath() }
    await expect(serve({ endpoint, platform, trace: '/nowhere/trace' })).rejects.toThrow(
      '/nowhere/trace: there is no folder',
    )
  })
})

describe('a trace that ends anywhere', () => {
  it('opens up to its last whole packet', async () => {
    const path = await recorded(await served(), 8)
    const bytes = readFileSync(path)
    const whole = readTrace(path)
    expect(whole.complete).toBe(true)
    let before = 0
    for (let length = 0; length < bytes.length; length++) {
      writeFileSync(path, bytes.subarray(0, length))
      let events: unknown[]
      try {
        const recording = readTrace(path)
        events = recording.events
        expect(recording.complete).toBe(false)
      } catch (error) {
        expect(String(error)).toMatch(/: ends before the trace has begun$/)
        expect(before).toBe(0)
        continue
      }
      expect(events.length).toBeGreaterThanOrEqual(before)
      before = events.length
    }
    // All but the end of the trace, which is the last packet.
    expect(before).toBe(whole.events.length - 1)
  })

  it.each([
    { name: 'text', bytes: Buffer.from('vendor: acme\n'), says: "not a trace in Perfetto's format" },
    { name: 'a trace of another program', bytes: encodePackets(8), says: 'a trace of another program' },
    {
      name: 'noise after packets',
      bytes: Buffer.concat([encodePackets(8), Buffer.from('noise')]),
      says: 'corrupt at byte',
    },
    {
      name: 'a packet of a gigabyte',
      bytes: Buffer.from('0a8080808004', 'hex'),
      says: "not a trace in Perfetto's format",
    },
    { name: 'a packet of noise', bytes: Buffer.from('0a04ffffffff', 'hex'), says: "not a trace in Perfetto's format" },
  ])('$name is an error of one line', async ({ bytes, says }) => {
    const { folder } = await served()
    const path = join(folder, 'other')
    writeFileSync(path, bytes)
    expect(() => readTrace(path)).toThrow(says)
  })

  it('whatever byte is wrong, reading ends with a trace or an error of one line', async () => {
    const path = await recorded(await served(), 4)
    const bytes = readFileSync(path)
    for (let at = 0; at < bytes.length; at++) {
      const wrong = Buffer.from(bytes)
      wrong[at]! ^= 0xff
      writeFileSync(path, wrong)
      try {
        readTrace(path)
      } catch (error) {
        expect(String(error)).toMatch(/^OperatorError: .*trace: [^\n]*$/)
      }
    }
  })
})

describe('more messages than can be encoded', () => {
  it('is counted in the trace, in its statistics and in the log', async () => {
    const { server, guest, folder } = await served()
    const path = join(folder, 'trace')
    const trace = await server.startTrace(path, { chunks: 0 })
    for (let i = 0; i < 10; i++) await guest.send(CLOCK, RATE_GET, 1)
    await until(() => trace.stats.lost === 10, 'ten messages that are lost')
    expect(await trace.stop()).toMatchObject({ messages: 0, lost: 10 })
    const { events } = readTrace(path)
    const lost = events.flatMap(event =>
      event.what === 'moment' && event.category === 'lost' ? Number(event.values.messages) : [],
    )
    expect(lost.reduce((sum, messages) => sum + messages, 0)).toBe(10)
    expect(events.at(-1)).toMatchObject({ name: 'end of trace', values: { messages: 0, lost: 10 } })
  })
})
