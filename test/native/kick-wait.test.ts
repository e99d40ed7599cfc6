/**
 * A device that waits for kicks in place of the event loop: only the timing may differ. Another process kicks, because
 * nothing in this one can while its event loop waits.
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

/** Runs a shell script until the test ends; its descriptor 3 is the kick of the command queue. */
function outside(rig: Rig, script: string) {
  const child = spawn('sh', ['-c', script], { stdio: ['pipe', 'ignore', 'inherit', rig.driver.cmdq.kick] })
  rig.own({ close: () => child.kill('SIGKILL') })
  return child
}

/**
 * A rig whose device waits for kicks as soon as the event loop is idle; `send` sends it a message from outside. `unread`
 * has, for each batch, whether its kick was left unread: through libuv it would have been read.
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
  // Anything else that this process does ends the wait; then the next kick comes through libuv.
  expect(unread.filter(Boolean).length).toBeGreaterThan(50)
})

test('the command does not read a thousand kicks of a driver that sleeps between them', () =>
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
    // The driver sleeps longer than the device polls the ring, so nearly every message needed a kick.
    expect(guest.driver.cmdq.kicks - kicksBefore).toBeGreaterThan(900)
    expect(reads() - readBefore).toBeLessThan(100)
    guest.close()
  }))

test('any other event of the process ends the wait', async () => {
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
      // The first kick comes through libuv, since the wait before it was interrupted.
      for (let i = 0; i < 3; i++) await send()
      await other()
    }
  }
  expect(unread).toContain(true)
})

test('endless kicks without a message delay neither timers nor messages', async () => {
  const { rig, send } = await waiting(echo)
  outside(rig, `while :; do ${KICK}; done`)
  for (let i = 0; i < 20; i++) {
    await sleep(5)
    await readFile('/proc/self/stat')
    await send()
  }
})

test('two devices on one event loop both get their kicks', async () => {
  const [one, two] = [await waiting(echo), await waiting(echo)]
  for (let i = 0; i < 10; i++) {
    await one.send()
    await two.send()
  }
})

test.each(['before', 'after'])('the device may be closed while it waits, in the tick %s its reply', async when => {
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

test('the device stops waiting for a ring that breaks, and waits again when it is set up again', async () => {
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
