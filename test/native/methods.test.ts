/** Every method in every state of a device, callbacks that throw or misbehave, and the end of a process. */
import { spawnSync } from 'node:child_process'
import { closeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createDevice, type NativeDevice, NativeEvent } from '../../src/device/native.js'
import { turns, until } from '../../src/front-end/wait.js'
import { loadAddon } from '../../src/support/addon.js'
import { sys } from '../driver/syscalls.js'
import { BackEnd, connected, FLAT, pattern, reversed, socketPath, started } from './rig.js'

const closed = (device: NativeDevice) => onTestFinished(() => device.close())

describe('each method in each state', () => {
  type Call = (device: NativeDevice) => unknown
  const CALLS: Record<string, Call> = {
    windows: device => device.windows(),
    features: device => device.features(),
    peekEvent: device => device.peekEvent(),
    commitEvent: device => device.commitEvent(0),
    completeHeld: device => device.completeHeld(0, new Uint8Array(8)),
    breakRing: device => device.breakRing(1),
    listen: device => device.listen(socketPath()),
    adopt: device => {
      const [ours, theirs] = sys.socketPair()
      onTestFinished(() => closeSync(ours))
      try {
        device.adopt(theirs)
      } catch (error) {
        closeSync(theirs)
        throw error
      }
    },
    dial: device => device.dial(`${tmpdir()}/no-such-socket`),
    locate: device => device.locate(FLAT.guest, 8),
    watchMemory: device => device.watchMemory(1, FLAT.guest, 8, 0),
    latencies: device => device.latencies(),
    close: device => device.close(),
  }
  type Outcome = 'works' | 'throws' | ((value: unknown) => boolean)
  const is = (expected: unknown) => (value: unknown) => value === expected
  const some = (value: unknown) => Array.isArray(value) && value.length >= 1

  const MATRIX: Record<string, Record<'fresh' | 'listening' | 'connected' | 'running' | 'closed', Outcome>> = {
    windows: { fresh: some, listening: some, connected: some, running: some, closed: 'throws' },
    features: { fresh: is(0), listening: is(0), connected: is(0), running: 'works', closed: 'throws' },
    peekEvent: { fresh: is(-1), listening: is(-1), connected: is(-1), running: is(-1), closed: 'throws' },
    commitEvent: { fresh: 'throws', listening: 'throws', connected: 'throws', running: 'throws', closed: 'throws' },
    completeHeld: {
      fresh: is(false),
      listening: is(false),
      connected: is(false),
      running: is(false),
      closed: 'throws',
    },
    breakRing: { fresh: 'works', listening: 'works', connected: 'works', running: 'works', closed: 'throws' },
    listen: { fresh: 'works', listening: 'throws', connected: 'throws', running: 'throws', closed: 'throws' },
    adopt: { fresh: 'works', listening: 'throws', connected: 'throws', running: 'throws', closed: 'throws' },
    dial: { fresh: is(false), listening: 'throws', connected: 'throws', running: 'throws', closed: 'throws' },
    locate: {
      fresh: is('not memory'),
      listening: is('not memory'),
      connected: is('not memory'),
      running: place => typeof place === 'object',
      closed: 'throws',
    },
    watchMemory: { fresh: 'works', listening: 'works', connected: 'works', running: 'works', closed: 'throws' },
    latencies: { fresh: 'works', listening: 'works', connected: 'works', running: 'works', closed: 'works' },
    close: { fresh: 'works', listening: 'works', connected: 'works', running: 'works', closed: 'works' },
  }

  const STATES: Record<string, () => Promise<NativeDevice>> = {
    fresh: async () => new BackEnd().device,
    listening: async () => {
      const { device } = new BackEnd()
      device.listen(socketPath())
      return device
    },
    connected: async () => {
      const rig = await connected()
      await rig.frontEnd.sync()
      return rig.device
    },
    running: async () => (await started()).device,
    closed: async () => {
      const { device } = new BackEnd()
      device.close()
      return device
    },
  }

  const rows = Object.entries(MATRIX).flatMap(([method, outcomes]) =>
    Object.entries(outcomes).map(([state, outcome]) => ({ method, state, outcome })),
  )

  it.each(rows)('$method, $state', async ({ method, state, outcome }) => {
    const device = await STATES[state]!()
    closed(device)
    const call = CALLS[method]!
    if (outcome === 'throws') expect(() => call(device)).toThrow(Error)
    else if (outcome === 'works') call(device)
    else expect(outcome(call(device))).toBe(true)
  })

  it('covers every method', () => {
    const device = new BackEnd().device
    closed(device)
    const prototype = Object.getPrototypeOf(device)
    const methods = Object.entries(Object.getOwnPropertyDescriptors(prototype))
      .filter(([name, { value }]) => typeof value === 'function' && name !== 'constructor')
      .map(([name]) => name)
    expect(methods.sort()).toEqual(Object.keys(MATRIX).sort())
  })

  it('on another object is refused', () => {
    const { device } = new BackEnd()
    closed(device)
    for (const method of Object.keys(MATRIX)) {
      const borrowed = (device as unknown as Record<string, (...args: unknown[]) => unknown>)[method]!
      for (const other of [{}, new Map(), undefined, 1]) expect(() => borrowed.call(other, '')).toThrow(TypeError)
    }
  })

  it('with the wrong arguments is refused', () => {
    const { device } = new BackEnd()
    closed(device)
    const wrong = device as unknown as Record<string, (...args: unknown[]) => unknown>
    for (const method of [
      'listen',
      'dial',
      'adopt',
      'commitEvent',
      'completeHeld',
      'breakRing',
      'locate',
      'watchMemory',
    ]) {
      for (const argument of [undefined, null, {}, Symbol('x')]) {
        expect(() => wrong[method]!.call(device, argument), `${method} ${String(argument)}`).toThrow(Error)
      }
    }
    for (const [ticket, reply, length] of [
      [-1, new Uint8Array(1)],
      [0, 'x'],
      [0, [1]],
      [0, new Uint32Array(1)],
      [0, new Uint8Array(1), -1],
    ]) {
      expect(() => wrong.completeHeld!.call(device, ticket, reply, length)).toThrow(TypeError)
    }
    for (const queue of [-1, 2, 0.5]) expect(() => device.breakRing(queue)).toThrow(TypeError)
    for (const mode of [-1, 0o1000, 0.5, '0600', null])
      expect(() => wrong.listen!(socketPath(), mode)).toThrow(TypeError)
    expect(() => createDevice(undefined as never)).toThrow(TypeError)
    expect(() => createDevice({} as never)).toThrow(TypeError)
    expect(() => createDevice({ onBatch: () => {}, onEvent: 1 } as never)).toThrow(TypeError)
  })
})

describe('options', () => {
  const right = { onBatch: () => {}, onEvent: () => {} }
  const WRONG: [unknown, string][] = [
    [undefined, 'the options must be an object'],
    [null, 'the options must be an object'],
    [7, 'the options must be an object'],
    [{ ...right, onBatch: undefined }, 'options.onBatch must be a function'],
    [{ ...right, onEvent: 1 }, 'options.onEvent must be a function'],
    [{ ...right, events: 1 }, 'options.events must be true or false'],
    [{ ...right, memSlots: null }, 'options.memSlots must be true or false'],
    [{ ...right, withoutFeatures: 28 }, 'options.withoutFeatures must be an array of bit numbers'],
    [{ ...right, withoutFeatures: [28, 64] }, 'options.withoutFeatures[1] must be a bit number from 0 to 63'],
    [{ ...right, withoutFeatures: [-1] }, 'options.withoutFeatures[0] must be a bit number from 0 to 63'],
    [{ ...right, pollUs: 1_000_001 }, "options.pollUs must be 'auto' or an integer from 0 to 1000000"],
    [{ ...right, pollUs: 0.5 }, "options.pollUs must be 'auto' or an integer from 0 to 1000000"],
    [{ ...right, pollUs: 'slow' }, "options.pollUs must be 'auto' or an integer from 0 to 1000000"],
  ]

  it.each(WRONG)('that are wrong are named: %j', (options, message) => {
    expect(() => createDevice(options as never)).toThrow(new TypeError(message))
  })

  const RAW: [unknown, string][] = [
    [undefined, 'options'],
    [{}, 'options.onBatches'],
    [{ pollUs: -1 }, 'options.pollUs'],
    [{ pollUs: Number.NaN }, 'options.pollUs'],
    [{ withoutFeatures: [64] }, 'options.withoutFeatures'],
    [{ events: 'yes' }, 'options.events'],
    [{ memSlots: 0 }, 'options.memSlots'],
    [{ onBatches: () => {} }, 'options.onEvent'],
  ]

  it.each(RAW)('are checked for their type by native code, too: %j', (options, name) => {
    const { Device } = loadAddon<{ Device: new (options: unknown) => NativeDevice }>('#native')
    expect(() => new Device(options)).toThrow(new TypeError(`${name}: wrong type`))
  })

  it('whose getter throws let the error through', () => {
    const { Device } = loadAddon<{ Device: new (options: unknown) => NativeDevice }>('#native')
    const trap = {
      get pollUs() {
        throw new Error('trap')
      },
    }
    expect(() => new Device(trap)).toThrow('trap')
  })
})

describe('close', () => {
  it('under traffic releases everything and ends the connection', async () => {
    const rig = await started()
    rig.driver.postEventBuffers(4, 32)
    for (let i = 0; i < 10; i++) rig.driver.post(pattern(8), 8)
    rig.driver.cmdq.publish()
    rig.backEnd.device.close()
    const used = rig.driver.cmdq.usedIdx
    await rig.frontEnd.ended()
    await turns()
    expect(rig.driver.cmdq.usedIdx).toBe(used)
  })

  it('from onEvent is safe', async () => {
    const rig = await connected({
      onEvent: ({ event }, backEnd) => {
        if (event === NativeEvent.QUEUE_STARTED) backEnd.device.close()
      },
    })
    await expect(rig.start()).rejects.toThrow()
  })

  it.each(['QUEUE_FAULT', 'DISCONNECTED', 'CONNECTED', 'MEMORY', 'EVENT_BUFFERS', 'QUEUE_STOPPED'] as const)(
    'from onEvent at %s is safe',
    async name => {
      const rig = await connected({
        onEvent: ({ event }, backEnd) => {
          if (event === NativeEvent[name]) backEnd.device.close()
        },
      })
      const story = async () => {
        await rig.start()
        rig.driver.postEventBuffers(1, 32)
        await turns()
        await rig.frontEnd.getBase(0)
        rig.driver.eventq.storeIdx(0x4000)
        rig.device.peekEvent()
        await turns()
        await rig.frontEnd.sync()
      }
      await story().catch(() => {})
      rig.frontEnd.close()
      await until(() => rig.backEnd.count(NativeEvent[name]) > 0, name)
      rig.backEnd.takeSurprises()
      expect(() => rig.device.windows()).toThrow()
    },
  )
})

describe('a callback that throws', () => {
  /** Collects uncaught exceptions, which would end the process. */
  function uncaught(): Error[] {
    const errors: Error[] = []
    const others = process.listeners('uncaughtException')
    const take = (error: Error) => void errors.push(error)
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', take)
    onTestFinished(() => {
      process.off('uncaughtException', take)
      for (const other of others) process.on('uncaughtException', other)
    })
    return errors
  }

  it('onBatch: the exception is uncaught, the batch is returned unanswered, the device continues', async () => {
    const errors = uncaught()
    let broken = true
    const rig = await started({
      onBatch: (count, backEnd) => {
        if (broken) throw new Error('broken')
        backEnd.echo(count)
      },
    })
    for (let i = 0; i < 3; i++) rig.driver.post(pattern(8, i), 8)
    rig.driver.cmdq.publish()
    const used = await rig.driver.cmdq.collect(3)
    expect(used.map(u => rig.driver.answer(u).length)).toEqual([0, 0, 0])
    expect(errors.map(error => error.message)).toEqual(['broken'])
    broken = false
    expect((await rig.driver.exchange(pattern(8), 8)).reply).toEqual(reversed(pattern(8)))
  })

  it('onEvent: the exception is uncaught, the device continues', async () => {
    const errors = uncaught()
    const rig = await started({
      onEvent: ({ event }) => {
        if (event === NativeEvent.QUEUE_STARTED) throw new Error('broken')
      },
    })
    expect(errors.map(error => error.message)).toEqual(['broken', 'broken'])
    expect((await rig.driver.exchange(pattern(8), 8)).reply).toEqual(reversed(pattern(8)))
  })

  it.each(['windows', 'close', 'listen', 'adopt', 'dial'] as const)('%s() from onBatch is refused', async method => {
    const messages: string[] = []
    const rig = await started({
      onBatch: (count, backEnd) => {
        try {
          ;(backEnd.device[method] as (argument: string) => unknown)('')
        } catch (error) {
          messages.push((error as Error).message)
        }
        backEnd.echo(count)
      },
    })
    expect((await rig.driver.exchange(pattern(8), 8)).length).toBe(8)
    expect(messages).toEqual([expect.stringContaining('onBatch')])
  })
})

describe('a process', () => {
  const LOAD = `const { Device } = require(process.cwd() + '/build/Release/vhost_user_scmi.node')`
  const device = () =>
    `${LOAD}; const device = new Device({ onBatches() {}, onEvent() {} }); device.listen('${socketPath()}')`
  const run = (code: string) => spawnSync(process.execPath, ['-e', code], { encoding: 'utf8', timeout: 20_000 })

  it('ends by itself when its device is closed', () => {
    expect(run(`${device()}; setTimeout(() => device.close(), 10)`)).toMatchObject({ status: 0, stderr: '' })
  })

  it('lives while its device listens', () => {
    const { stdout } = run(`${device()}; setTimeout(() => { console.log('alive'); process.exit() }, 50).unref()`)
    expect(stdout).toBe('alive\n')
  })

  it.each(['process.exit(3)', 'setTimeout(() => process.exit(3), 10)'])('may end with an open device: %s', how => {
    expect(run(`${device()}; ${how}`)).toMatchObject({ status: 3, stderr: '', signal: null })
  })

  it('may terminate a worker with an open device', () => {
    const worker = `${device()}; require('node:worker_threads').parentPort.postMessage('up')`
    const code = `const { Worker } = require('node:worker_threads')
      const worker = new Worker(${JSON.stringify(worker)}, { eval: true })
      worker.on('message', () => worker.terminate().then(() => console.log('terminated')))`
    expect(run(code)).toMatchObject({ stdout: 'terminated\n', status: 0, stderr: '' })
  })
})
