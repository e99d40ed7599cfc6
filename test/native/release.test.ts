/** When a listening device releases what a driver held, after its front end has gone. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { stop } from '../../src/front-end/qemu.js'
import { until } from '../../src/front-end/wait.js'
import { clocks } from '../../src/platform/clocks/index.js'
import { VirtualTime } from '../../src/platform/core/time.js'
import { type ServeOptions, serve } from '../../src/server/serve.js'
import type { Server } from '../../src/server/server.js'
import { inFolder } from '../cli/command.js'
import { Guest } from '../driver/guest.js'

const PLATFORM = 'vendor: v\nclocks: [{ name: a, rate: 1 MHz }]\n'
const CLOCK = 0x14
const CONFIG_SET = 0x7
const S = 1_000_000

interface Site {
  time: VirtualTime
  guest: Guest
  path: string
  start(more?: Partial<ServeOptions>): Promise<Server>
}

/** A device with a guest that has switched its clock on. */
function inSite(use: (site: Site, server: Server) => Promise<void>, more: Partial<ServeOptions> = {}): Promise<void> {
  return inFolder(async folder => {
    const path = join(folder, 'scmi')
    const time = new VirtualTime()
    const start = (options: Partial<ServeOptions> = {}): Promise<Server> =>
      serve({ platform: { text: PLATFORM }, endpoint: { socketPath: path }, time, ...more, ...options })
    const server = await start()
    const guest = new Guest()
    try {
      await guest.connect(FrontEnd.connect(path))
      expect(await guest.send(CLOCK, CONFIG_SET, 0, 1, 0)).toEqual([0])
      await use({ time, guest, path, start }, server)
    } finally {
      guest.close()
      server.close()
    }
  })
}

const isOn = (server: Server): boolean => server.platform.model(clocks).list[0]!.enabled

async function hangUp({ guest }: Site, server: Server): Promise<void> {
  guest.disconnect()
  await until(() => !server.device.connected, 'the end of the connection')
}

describe('a front end that disconnected', () => {
  test('has 30 s to reconnect', () =>
    inSite(async (site, server) => {
      await hangUp(site, server)
      site.time.advance(29.9 * S)
      expect(isOn(server)).toBe(true)
      site.time.advance(0.2 * S)
      expect(isOn(server)).toBe(false)
    }))

  test('has the time that the option gives', () =>
    inSite(
      async (site, server) => {
        await hangUp(site, server)
        site.time.advance(1.9 * S)
        expect(isOn(server)).toBe(true)
        site.time.advance(0.2 * S)
        expect(isOn(server)).toBe(false)
      },
      { releaseAfterMs: 2000 },
    ))

  test('still holds its clock when it reconnects three seconds later, as QEMU with reconnect-ms does', () =>
    inSite(async (site, server) => {
      const { guest, time, path } = site
      await hangUp(site, server)
      time.advance(3 * S)
      const { cmdq, eventq } = guest.driver
      guest.frontEnd = FrontEnd.connect(path)
      await guest.start(guest.frontEnd, 0n, [cmdq.usedIdx, eventq.usedIdx])
      time.advance(100 * S)
      expect(isOn(server)).toBe(true)
    }))

  test('has the whole time again if it reconnects and disconnects before its driver runs', () =>
    inSite(async (site, server) => {
      await hangUp(site, server)
      site.time.advance(20 * S)
      const other = FrontEnd.connect(site.path)
      await until(() => server.device.connected, 'the connection')
      other.close()
      await until(() => !server.device.connected, 'the end of the connection')
      site.time.advance(20 * S)
      expect(isOn(server)).toBe(true)
    }))
})

test('a front end that stops the rings before it goes leaves nothing behind', () =>
  inSite(async (site, server) => {
    await stop(site.guest.frontEnd!, site.guest.driver.queues)
    await hangUp(site, server)
    site.time.advance(1)
    expect(isOn(server)).toBe(false)
  }))
