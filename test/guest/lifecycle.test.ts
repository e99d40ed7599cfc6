/** A back end serves one guest and QEMU after another, and a guest survives restarts of the back end. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { boot } from '../../qemu/boot/boot.js'
import type { Guest } from '../../qemu/guest/guest.js'
import { readHwmon } from '../../qemu/guest/view.js'
import { until } from '../../src/front-end/wait.js'
import { serve } from '../../src/server/serve.js'
import type { Server } from '../../src/server/server.js'
import { RunningCommand } from '../cli/command.js'
import { guestKills } from '../torture/guest-kills.js'
import { KERNEL_LIMIT_MS, testKernel } from './kernel.js'
import { inFolder } from './lab-command.js'

const LIMIT_MS = 180_000
const WAIT_MS = 30_000

let kernel: string
beforeAll(async () => {
  kernel = await testKernel()
}, KERNEL_LIMIT_MS)

const undo: (() => unknown)[] = []
afterAll(async () => {
  for (const step of undo.reverse()) await step()
})

const messages = (server: Server): number => server.device.stats().messages
const descriptors = (): string[] => readdirSync('/proc/self/fd')
/** Number of mappings of guest memory, which is a memfd of QEMU. */
const guestMappings = (): number => readFileSync('/proc/self/maps', 'utf8').match(/memfd:/g)?.length ?? 0

/** Starts a shell in the guest that keeps reading a sensor. Resolves once messages arrive. */
async function startTraffic(guest: Guest): Promise<void> {
  const [reading] = await readHwmon(guest)
  await guest.check(`(while :; do cat ${reading!.path}; done) >/tmp/readings 2>&1 &`)
}

test(
  'QEMU is killed under traffic, and the next one works on the same back end without a leak',
  () =>
    inFolder(async folder => {
      const socketPath = join(folder, 'scmi.sock')
      const server = await serve({ endpoint: { socketPath }, platform: 'demo' })
      undo.push(() => server.close())
      const before = descriptors().length
      for (let round = 0; round < 2; round++) {
        const guest = await boot({ kernel, platform: 'demo', socketPath })
        expect(guestMappings()).toBeGreaterThan(0)
        await startTraffic(guest)
        const asked = messages(server)
        await until(() => messages(server) > asked + 100, 'a hundred messages', WAIT_MS)
        await guest.kill()
        await until(() => !server.device.connected, 'the device to notice', WAIT_MS)
        expect(guestMappings()).toBe(0)
        expect(descriptors().length).toBe(before)
      }
      const guest = await boot({ kernel, platform: 'demo', socketPath })
      expect((await readHwmon(guest)).length).toBe(8)
      await guest.close()
      server.close()
      undo.pop()
    }),
  LIMIT_MS,
)

test(
  'the guest reboots: its new kernel finds a fresh device',
  async () => {
    const guest = await boot({ kernel, platform: 'demo', qemuArguments: ['-action', 'reboot=reset'] })
    undo.push(() => guest.kill())
    const server = guest.server!
    let starts = 0
    server.device.on('change', change => {
      if (change === 'driver started') starts++
    })
    // The guest reboots before it can reply.
    void guest.run('reboot -f').catch(() => undefined)
    await until(() => starts === 1, 'the driver to start again', WAIT_MS)
    const asked = messages(server)
    await until(() => messages(server) > asked + 50, 'the new kernel to probe', WAIT_MS)
    expect(server.device.stats()).toMatchObject({ internalErrors: 0, unanswerable: 0 })
    await guest.kill()
    undo.pop()
  },
  LIMIT_MS,
)

test(
  'the back end is killed under traffic and started again: the guest continues',
  () =>
    inFolder(async folder => {
      const socketPath = join(folder, 'scmi.sock')
      const start = async (): Promise<RunningCommand> => {
        const command = new RunningCommand(['--connect', socketPath, '--platform', 'demo'])
        undo.push(() => command.child.kill('SIGKILL'))
        await command.said(/ready/)
        return command
      }
      const first = await start()
      const guest = await boot({ kernel, platform: 'demo', socketPath, dials: 'device' })
      undo.push(() => guest.kill())
      await startTraffic(guest)
      const readings = async (): Promise<number> => Number(await guest.check('wc -l </tmp/readings'))
      expect(await readings()).toBeGreaterThanOrEqual(0)
      await first.stop('SIGKILL')
      const second = await start()
      await second.said(/driver resumed/)
      const resumed = await readings()
      await expect.poll(readings, { timeout: WAIT_MS }).toBeGreaterThan(resumed + 50)
      expect(await guest.check('grep -c -v "^[0-9]*$" /tmp/readings || true')).toBe('0\n')
      await guest.kill()
      expect(await second.stop()).toBe(0)
    }),
  LIMIT_MS,
)

test(
  'the back end is killed three times, with a state file: the guest notices only a delay',
  async () => {
    const [result] = await guestKills({ count: 3, seed: Math.floor(Math.random() * 2 ** 31), kernel })
    expect(result).toMatchObject({ count: 3, failures: [] })
  },
  LIMIT_MS,
)
