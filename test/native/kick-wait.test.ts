/**
 * A device that waits for kicks instead of the event loop: only timing may differ. The kicks come from another process,
 * because nothing in this one can kick while its loop waits.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { type NativeDevice, NativeEvent } from '../../src/device/native.js'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { inFolder, RunningCommand } from '../cli/command.js'
import { Guest } from '../driver/guest.js'
import { sys } from '../driver/syscalls.js'
import { type BackEnd, pattern, type Rig, type RigOptions, started } from './rig.js'

const KICK = String.raw`printf '\1\0\0\0\0\0\0\0' >&3`

/** Runs a shell script whose descriptor 3 is the kick of the command queue, until the test is over. */
function outside(rig: Rig, script: string) {
  const child = spawn('sh', ['-c', script], { stdio: ['pipe', 'ignore', 'inherit', rig.driver.cmdq.kick] })
  rig.own({ close: () => child.kill('SIGKILL') })
  return child
}

/**
 * A rig whose device waits for kicks as soon as the loop has nothing to do, and what sends it one message from outside.
 * `unread` gets, for each batch, whether its kick was left unread: libuv would have had it read.
 */
async function waiting(answer: (count: number, backEnd: BackEnd) => void, options: RigOptions = {}) {
  const unread: boolean[] = []
  let answered = (): void => {}
  const rig = await started({
    pollUs: 0,
    ...options,
    onBatch: (count, backEnd) => {
      unread.push(sys.readEvent(cmdq().kick) > 0)
      answer(count, backEnd)
      process.nextTick(answered)
    },
  })
  function cmdq() {
    return rig.driver.cmdq
  }
  const kicker = outside(rig, `while read -r line; do ${KICK}; done`)
  const kick = () => void kicker.stdin!.write('\n')
  const send = async (): Promise<void> => {
    rig.driver.post(pattern(8), 8)
    cmdq().storeIdx(cmdq().nextAvailable)
    const done = new Promise<void>(resolve => (answered = resolve))
    kick()
    await done
    for (const used of cmdq().takeAll()) rig.driver.answer(used)
  }
  return { rig, unread, kick, send }
}

const echo = (count: number, backEnd: BackEnd): void => backEnd.echo(count)

test('a kick that the device waits for is not read', async () => {
  const { unread, send } = await waiting(echo)
  for (let i = 0; i < 100; i++) await send()
  // Whatever else this process does ends a wait, and the next kick is libuv's.
  expect(unread.filter(Boolean).length).toBeGreaterThan(50)
})

test('the command does not read a thousand kicks of a driver that rests between them', () =>
  inFolder(async folder => {
    const socket = join(folder, 'scmi.sock')
    const command = new RunningCommand(['--socket-path', socket])
    onTestFinished(async () => void (await command.stop()))
    await command.said(/ready/)
    const guest = new Guest()
    await guest.connect(FrontEnd.connect(socket))
    const reads = () => Number(/syscr: (\d+)/.exec(readFileSync(`/proc/${command.child.pid}/io`, 'utf8'))![1])
    const [readBefore, kicksBefore] = [reads(), guest.driver.cmdq.kicks]
    for (let i = 0; i < 1000; i++) {
      await guest.send(0x10, 0)
      await sleep(1)
    }
    // It does not watch the ring for as long as the driver rests, so that nearly every message needed a kick.
    expect(guest.driver.cmdq.kicks - kicksBefore).toBeGreaterThan(900)
    expect(reads() - readBefore).toBeLessThan(100)
    guest.close()
  }))

test('whatever else the process waits for ends the wait', async () => {
  const { unread, send } = await waiting(echo)
  const worker = new Worker(
    "require('worker_threads').parentPort.on('message', function (m) { this.postMessage(m) })",
    {
      eval: true,
    },
  )
  onTestFinished(async () => void (await worker.terminate()))
  const others: Record<string, () => Promise<unknown>> = {
    'a timer': () => sleep(2),
    'a file': () => readFile('/proc/self/stat'),
    'a worker': () => {
      worker.postMessage('hello')
      return once(worker, 'message')
    },
    'a signal': () => {
      setTimeout(() => process.kill(process.pid, 'SIGUSR2'), 1)
      return once(process, 'SIGUSR2')
    },
    'a process': () => once(spawn('true'), 'close'),
  }
  for (let round = 0; round < 5; round++) {
    for (const other of Object.values(others)) {
      // The first one's kick is libuv's, since the wait before was for nothing.
      for (let i = 0; i < 3; i++) await send()
      await other()
    }
  }
  expect(unread).toContain(true)
})

test('kicks without end, and without a message, keep neither timers nor messages waiting', async () => {
  const { rig, send } = await waiting(echo)
  outside(rig, `while :; do ${KICK}; done`)
  for (let i = 0; i < 20; i++) {
    await sleep(5)
    await readFile('/proc/self/stat')
    await send()
  }
})

test('two devices of one loop both hear their kicks', async () => {
  const [one, two] = [await waiting(echo), await waiting(echo)]
  for (let i = 0; i < 10; i++) {
    await one.send()
    await two.send()
  }
})

test.each(['before', 'after'])('the device may be closed while it waits, in the tick %s its answer', async when => {
  let device: NativeDevice | undefined
  const { rig, send, unread } = await waiting((count, backEnd) => {
    const close = unread.at(-1)
    if (close) process.nextTick(() => device?.close())
    if (when === 'after' || !close) backEnd.echo(count)
  })
  device = rig.device
  for (let i = 0; i < 100 && !unread.includes(true); i++) await send()
  expect(unread).toContain(true)
  await rig.close()
})

test('a ring that breaks while it is waited for is waited for no more, and again when it is set up anew', async () => {
  let broken = (): void => {}
  const { rig, kick, send, unread } = await waiting(echo, {
    onEvent: ({ event }) => {
      if (event === NativeEvent.QUEUE_FAULT) broken()
    },
  })
  const { cmdq } = rig.driver
  for (let i = 0; i < 2; i++) await send()
  cmdq.storeIdx(cmdq.nextAvailable + cmdq.size + 1)
  const fault = new Promise<void>(resolve => (broken = resolve))
  kick()
  await fault
  await rig.backEnd.expect(NativeEvent.QUEUE_FAULT)
  cmdq.reset()
  await rig.reconnect()
  await rig.start()
  const before = unread.length
  for (let i = 0; i < 100 && !unread.includes(true, before); i++) await send()
  expect(unread.slice(before)).toContain(true)
})
