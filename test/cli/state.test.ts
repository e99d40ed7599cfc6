/** `--state`: a device that was killed continues with its state; a file that does not fit is refused. */
import { mkdirSync, readFileSync, renameSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { Guest } from '../driver/guest.js'
import { inFolder, RunningCommand, runCommand } from './command.js'

const BASE = 0x10
const SET_DEVICE_PERMISSIONS = 0x9
const RESET_AGENT_CONFIGURATION = 0xb
const CLOCK = 0x14
const RATE_SET = 0x5
const RATE_GET = 0x6
const CONFIG_SET = 0x7
const CONFIG_GET = 0xb
const RATE_NOTIFY = 0x9
const RATE_CHANGED = 0x0
const DENIED = -3
const PLATFORM = 'vendor: v\nclocks: [{ name: a, rates: [1 MHz, 2 MHz] }, { name: b, rate: 1 MHz }]\n'

/** For tests that start up to four processes on a busy machine. */
const LIMIT_MS = 120_000

const undo: (() => void)[] = []
afterEach(() => {
  for (const step of undo.splice(0).reverse()) step()
})

interface Site {
  socketPath: string
  state: string
  platform: string
  start(...more: string[]): Promise<RunningCommand>
}

function inSite(use: (site: Site) => Promise<void>): Promise<void> {
  return inFolder(async folder => {
    const [socketPath, state, platform] = ['scmi.sock', 'board.state', 'board.yaml'].map(name =>
      join(folder, name),
    ) as [string, string, string]
    writeFileSync(platform, PLATFORM)
    const start = async (...more: string[]): Promise<RunningCommand> => {
      const args = ['--socket-path', socketPath, '--platform', platform, '--state', state, ...more]
      const command = new RunningCommand(args)
      undo.push(() => command.child.kill('SIGKILL'))
      await command.said(/ready/)
      return command
    }
    await use({ socketPath, state, platform, start })
  })
}

function createGuest(): Guest {
  const guest = new Guest()
  undo.push(() => guest.close())
  return guest
}

/** Connects as QEMU does: the rings resume at their used indexes. */
async function resume(guest: Guest, path: string): Promise<void> {
  const { cmdq, eventq } = guest.driver
  guest.frontEnd = FrontEnd.connect(path)
  await guest.start(guest.frontEnd, 0n, [cmdq.usedIdx, eventq.usedIdx])
}

describe('--state', () => {
  test.each(['SIGKILL', 'SIGTERM'] as const)('after %s the guest finds its rates, votes and subscriptions', signal =>
    inSite(async ({ socketPath, start }) => {
      const first = await start()
      const guest = createGuest()
      await guest.connect(FrontEnd.connect(socketPath))
      guest.driver.postEventBuffers(4, 136)
      expect(await guest.send(CLOCK, RATE_SET, 0, 0, 2e6, 0)).toEqual([0])
      expect(await guest.send(CLOCK, CONFIG_SET, 1, 1, 0)).toEqual([0])
      expect(await guest.send(CLOCK, RATE_NOTIFY, 0, 1)).toEqual([0])
      await first.stop(signal)
      guest.disconnect()
      const second = await start()
      await resume(guest, socketPath)
      await second.said(/driver resumed/)
      expect(await guest.send(CLOCK, RATE_GET, 0)).toEqual([0, 2e6, 0])
      expect((await guest.send(CLOCK, CONFIG_GET, 1, 0))[2]).toBe(1)
      expect(await guest.send(CLOCK, RATE_SET, 0, 0, 1e6, 0)).toEqual([0])
      await expect.poll(() => guest.events()).toEqual([[(1 << 10) * CLOCK + RATE_CHANGED + (3 << 8), 1, 0, 1e6, 0]])
      expect(await second.stop()).toBe(0)
    }),
  )

  test('after SIGKILL the permissions that one agent set for another still apply', () =>
    inFolder(async folder => {
      const [platform, state, ofHost, ofGuest] = ['two.yaml', 'two.state', 'host.sock', 'guest.sock'].map(name =>
        join(folder, name),
      ) as [string, string, string, string]
      const agents = 'agents: [{ name: host }, { name: guest, permissions: denied }]\n'
      const devices = 'devices: [{ name: a, resources: { clocks: [a] } }, { name: b, resources: { clocks: [b] } }]\n'
      writeFileSync(platform, PLATFORM + agents + devices)
      const start = async (): Promise<RunningCommand> => {
        const sockets = ['--agent', `host=${ofHost}`, '--agent', `guest=${ofGuest}`]
        const command = new RunningCommand([...sockets, '--platform', platform, '--state', state])
        undo.push(() => command.child.kill('SIGKILL'))
        await command.said(/ready/)
        return command
      }
      const first = await start()
      const [host, guest] = [createGuest(), createGuest()]
      await host.connect(FrontEnd.connect(ofHost))
      await guest.connect(FrontEnd.connect(ofGuest))
      for (const [device, allowed] of [
        [0, 1],
        [1, 1],
        [0, 0],
      ]) {
        expect(await host.send(BASE, SET_DEVICE_PERMISSIONS, 2, device!, allowed!)).toEqual([0])
      }
      await first.stop('SIGKILL')
      for (const side of [host, guest]) side.disconnect()
      await start()
      await resume(guest, ofGuest)
      expect(await guest.send(CLOCK, RATE_GET, 0)).toEqual([DENIED])
      expect(await guest.send(CLOCK, RATE_GET, 1)).toEqual([0, 1e6, 0])
      await resume(host, ofHost)
      expect(await host.send(BASE, RESET_AGENT_CONFIGURATION, 2, 1)).toEqual([0])
      expect(await guest.send(CLOCK, RATE_GET, 1)).toEqual([DENIED])
    }))

  test('a guest that starts over after a crash finds nothing held', () =>
    inSite(async ({ socketPath, start }) => {
      const first = await start()
      const guest = createGuest()
      await guest.connect(FrontEnd.connect(socketPath))
      await guest.send(CLOCK, CONFIG_SET, 1, 1, 0)
      await first.stop('SIGKILL')
      guest.disconnect()
      const second = await start()
      const other = createGuest()
      await other.connect(FrontEnd.connect(socketPath))
      expect((await other.send(CLOCK, CONFIG_GET, 1, 0))[2]).toBe(0)
      expect(await second.stop()).toBe(0)
    }))

  test('what a guest held is released if it does not reconnect', () =>
    inSite(async ({ socketPath, start }) => {
      const first = await start()
      const guest = createGuest()
      await guest.connect(FrontEnd.connect(socketPath))
      await guest.send(CLOCK, CONFIG_SET, 1, 1, 0)
      await first.stop('SIGKILL')
      const second = await start('--release-after', '1')
      await second.said(/released what the driver held/)
      expect(await second.stop()).toBe(0)
    }))

  test(
    'values set by the host are persisted as well',
    () =>
      inSite(async ({ socketPath, start }) => {
        const control = `${socketPath}.control`
        const first = await start('--control', control)
        const { code, stderr } = await runCommand('ctl', '--control', control, 'set', 'clock.a.rate', '2 MHz')
        expect([code, stderr]).toEqual([0, ''])
        await first.stop('SIGKILL')
        await start('--control', control)
        expect((await runCommand('ctl', '--control', control, 'get', 'clock.a.rate')).stdout).toContain('2 MHz')
      }),
    LIMIT_MS,
  )

  test('a file deleted under the device is written again, one that is replaced is left alone; both are logged', () =>
    inSite(async ({ socketPath, state, start }) => {
      const first = await start()
      const guest = createGuest()
      await guest.connect(FrontEnd.connect(socketPath))
      expect(await guest.send(CLOCK, RATE_SET, 0, 0, 2e6, 0)).toEqual([0])
      unlinkSync(state)
      await first.said(/board\.state was deleted: it is rewritten/)
      await first.stop('SIGKILL')
      guest.disconnect()
      const second = await start()
      await resume(guest, socketPath)
      expect(await guest.send(CLOCK, RATE_GET, 0)).toEqual([0, 2e6, 0])
      writeFileSync(`${state}.other`, 'mine')
      renameSync(`${state}.other`, state)
      await second.said(/board\.state was replaced by another file: the state is no longer persisted/)
      expect(await guest.send(CLOCK, RATE_SET, 0, 0, 1e6, 0)).toEqual([0])
      expect(await second.stop()).toBe(0)
      expect(readFileSync(state, 'utf8')).toBe('mine')
    }))

  test('a file deleted under the device that can’t be written again is an error until it can', () =>
    inSite(async ({ socketPath, state, start }) => {
      const first = await start()
      const guest = createGuest()
      await guest.connect(FrontEnd.connect(socketPath))
      const before = first.stderr
      mkdirSync(`${state}.new`)
      unlinkSync(state)
      await first.said(/the state can't be persisted until this is fixed: /)
      expect(first.stderr.slice(before.length)).not.toContain('is rewritten')
      rmdirSync(`${state}.new`)
      expect(await guest.send(CLOCK, RATE_SET, 0, 0, 2e6, 0)).toEqual([0])
      await first.stop('SIGKILL')
      guest.disconnect()
      await start()
      await resume(guest, socketPath)
      expect(await guest.send(CLOCK, RATE_GET, 0)).toEqual([0, 2e6, 0])
    }))

  test('a second process on the same file, another platform’s file and a damaged one are refused', () =>
    inSite(async ({ socketPath, state, platform, start }) => {
      const first = await start()
      const refusal = async (): Promise<string> => {
        const args = ['--socket-path', `${socketPath}.2`, '--platform', platform, '--state', state]
        const { code, stderr } = await runCommand(...args)
        expect(code).toBe(2)
        expect(stderr.split('\n')).toHaveLength(2)
        return stderr
      }
      expect(await refusal()).toContain('is in use by a running process; stop it or give another file')
      expect(await first.stop()).toBe(0)
      writeFileSync(platform, PLATFORM.replace('2 MHz', '3 MHz'))
      expect(await refusal()).toContain('holds the state of another platform, another version of')
      writeFileSync(platform, PLATFORM)
      writeFileSync(state, readFileSync(state, 'utf8').replace('vhost', 'vhast'))
      expect(await refusal()).toContain('or is damaged in line 1; remove it to start over')
    }))
})
