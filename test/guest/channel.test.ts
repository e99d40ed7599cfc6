/** The host's end of the guest channel, against a scripted peer. */
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  Channel,
  encodeFrame,
  encodeRequest,
  type Frame,
  FrameReader,
  KINDS,
  MAX_PAYLOAD,
} from '../../qemu/guest/channel.js'

describe('frames', () => {
  const frames = [
    encodeFrame(KINDS.hello, 0, Buffer.from([1, 0, 0, 0])),
    encodeFrame(KINDS.output, 7, Buffer.from('text')),
    encodeFrame(KINDS.kill, 8),
  ]
  const whole = Buffer.concat(frames)

  test.each([1, 2, 5, 11, 12, 13, whole.length])('arrive whole when the stream comes %i bytes at a time', size => {
    const reader = new FrameReader()
    const found: Frame[] = []
    for (let at = 0; at < whole.length; at += size) found.push(...reader.take(whole.subarray(at, at + size)))
    expect(found.map(frame => [frame.kind, frame.id, frame.payload.toString('latin1')])).toEqual([
      [KINDS.hello, 0, '\x01\0\0\0'],
      [KINDS.output, 7, 'text'],
      [KINDS.kill, 8, ''],
    ])
  })

  test('a request carries its time limit, its head and its body', () => {
    expect(encodeRequest(500, 'cät', Buffer.from('in'))).toEqual(
      Buffer.concat([Buffer.from([0xf4, 1, 0, 0, 4, 0, 0, 0]), Buffer.from('cätin')]),
    )
  })

  test('a length no frame has is an error, not a wait for more', () => {
    const header = Buffer.alloc(12)
    header.writeUInt32LE(MAX_PAYLOAD + 1)
    expect(() => new FrameReader().take(header)).toThrow(`${MAX_PAYLOAD + 1} bytes`)
    expect(() => encodeFrame(KINDS.run, 1, Buffer.alloc(MAX_PAYLOAD + 1))).toThrow('at most')
  })
})

describe('jobs', () => {
  let folder: string
  let peer: Socket
  let channel: Channel
  let isReady = false
  const reader = new FrameReader()
  const received: Frame[] = []
  let wake = () => {}

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'scmi-lab-test-'))
    const path = join(folder, 'socket')
    const server = createServer()
    await new Promise<void>(done => server.listen(path, done))
    const accepted = new Promise<Socket>(found => server.once('connection', found))
    channel = new Channel(connect(path), () => {
      isReady = true
      wake()
    })
    peer = await accepted
    server.close()
    peer.on('data', chunk => {
      received.push(...reader.take(chunk))
      wake()
    })
  })
  afterEach(() => {
    channel.close()
    peer.destroy()
    received.length = 0
    rmSync(folder, { recursive: true })
  })

  const waitFor = (condition: () => boolean): Promise<void> =>
    new Promise(done => {
      wake = () => {
        if (condition()) done()
      }
      wake()
    })
  const done = (id: number, how: number, value: number): Buffer => {
    const payload = Buffer.alloc(8)
    payload.writeUInt32LE(how, 0)
    payload.writeUInt32LE(value, 4)
    return encodeFrame(KINDS.done, id, payload)
  }

  test('run at once and end in any order, each with its own output', async () => {
    const first = channel.job('run', 1000, 'one')
    const second = channel.job('run', 1000, 'two')
    await waitFor(() => received.length === 2)
    peer.write(encodeFrame(KINDS.output, second.id, Buffer.from('2')))
    peer.write(encodeFrame(KINDS.output, first.id, Buffer.from('1')))
    peer.write(encodeFrame(KINDS.errors, second.id, Buffer.from('oh')))
    peer.write(done(second.id, 0, 3))
    peer.write(encodeFrame(KINDS.output, first.id, Buffer.from('1')))
    peer.write(done(first.id, 1, 9))
    expect(await second.ended).toEqual({ how: 'exited', value: 3, stdout: Buffer.from('2'), stderr: Buffer.from('oh') })
    expect(await first.ended).toEqual({
      how: 'signalled',
      value: 9,
      stdout: Buffer.from('11'),
      stderr: Buffer.alloc(0),
    })
  })

  test('hello of this version makes it ready; of another, it fails every job', async () => {
    peer.write(encodeFrame(KINDS.hello, 0, Buffer.from([1, 0, 0, 0])))
    await waitFor(() => isReady)
    const job = channel.job('run', 0, 'x')
    peer.write(encodeFrame(KINDS.hello, 0, Buffer.from([2, 0, 0, 0])))
    await expect(job.ended).rejects.toThrow('channel version 2, not 1')
  })

  test('output of a cancelled job is dropped, and the others continue', async () => {
    peer.write(encodeFrame(KINDS.output, 99, Buffer.from('late')))
    const { id, ended } = channel.job('read', 0, '/x')
    peer.write(done(id, 0, 0))
    expect((await ended).stdout.toString()).toBe('')
  })

  test('a failure ends all jobs and every later one with the same error', async () => {
    const job = channel.job('run', 0, 'x')
    channel.fail(new Error('the guest panicked'))
    channel.fail(new Error('something after that'))
    await expect(job.ended).rejects.toThrow('the guest panicked')
    await expect(channel.job('run', 0, 'y').ended).rejects.toThrow('the guest panicked')
  })
})
