/**
 * A platform that is served to two guests: the first is hostile, the second is not. Nothing that the first one does may
 * affect the second, the host's side, or later connections.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { expect, onTestFinished } from 'vitest'
import { ControlClient } from '../../src/access/control/client.js'
import type { NativeOptions } from '../../src/device/native.js'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { until } from '../../src/front-end/wait.js'
import { RealTime, type Time } from '../../src/platform/core/time.js'
import { serve } from '../../src/server/serve.js'
import type { Server } from '../../src/server/server.js'
import { CAPACITY, Guest, type GuestOptions } from '../driver/guest.js'

const CLOCK = 0x14
const RATE_GET = 0x6
const BASE = 0x10

const PRESETS = join(import.meta.dirname, '../../src/platform/presets')
const DEVICES = {
  everything: '{ name: serial, resources: { clocks: [clk_uart], resets: [rst_uart] } }',
  large: '{ name: serial, resources: { clocks: [dev_0], power_domains: [device_0] } }',
}
/** `more`: names of further agents. */
export const platformOf = (preset: keyof typeof DEVICES, trusted: boolean, more: readonly string[] = []): string => `
${readFileSync(join(PRESETS, `${preset}.yaml`), 'utf8')}
agents:
  - { name: hostile, trusted: ${trusted} }
  - { name: bystander, trusted: true }
${more.map(name => `  - { name: ${name} }\n`).join('')}
devices: [${DEVICES[preset]}]
`

export interface LogLine {
  level: 'debug' | 'info' | 'warn' | 'error'
  msg: string
  agent?: string
}

export interface Site {
  server: Server
  /** Both guests are connected, and their drivers run. */
  hostile: Guest
  bystander: Guest
  path: string
  log: LogLine[]
  /** What was logged as a warning or an error since the last call. */
  complaints(): string[]
  /** Replaces the hostile guest by another; `prepare` runs between the two. */
  replaceHostile(guest: Guest, prepare?: () => void): Promise<void>
  /** Checks that the other guest, the host's side and a later connection of the hostile guest work. */
  expectUnharmed(): Promise<void>
}

export interface SiteOptions extends GuestOptions {
  /** Gets the function that closes the site; default: the end of the test closes it. */
  defer?: (cleanup: () => void) => void
  native?: Omit<NativeOptions, 'onBatch' | 'onEvent'>
  /** Default: real time. */
  time?: Time
  /** What is served; default: everything. */
  preset?: keyof typeof DEVICES
  /** Whether the hostile guest may change permissions; default: not. */
  trusted?: boolean
}

/** Serves a preset; the other options are the hostile guest's. */
export async function createSite({
  native = {},
  time = new RealTime(),
  defer = onTestFinished,
  preset = 'everything',
  trusted = false,
  ...options
}: SiteOptions = {}): Promise<Site> {
  const folder = mkdtempSync(join(tmpdir(), 'scmi-hostile-'))
  defer(() => rmSync(folder, { recursive: true }))
  const platform = join(folder, 'platform.yaml')
  writeFileSync(platform, platformOf(preset, trusted))
  const paths = { hostile: join(folder, 'hostile.sock'), bystander: join(folder, 'bystander.sock') }
  const log: LogLine[] = []
  const formatters = { level: (level: string) => ({ level }) }
  const write = (text: string): void => {
    const line = JSON.parse(text) as LogLine
    // The preset shares memory, which these guests do not have: each is told so when it connects.
    if (!line.msg.includes('shared memory 0x')) log.push(line)
  }
  const logger = pino({ level: 'debug', formatters }, { write })
  const endpoints = { hostile: { socketPath: paths.hostile }, bystander: { socketPath: paths.bystander } }
  const control = join(folder, 'control.sock')
  const server = await serve({ platform, endpoints, log: logger, native, time, open: { control } })
  defer(() => server.close())
  const client = await ControlClient.open(control)
  defer(() => client.close())
  const [hostile, bystander] = [new Guest(options), new Guest()]
  for (const guest of [hostile, bystander]) defer(() => guest.close())
  await hostile.connect(FrontEnd.connect(paths.hostile))
  await bystander.connect(FrontEnd.connect(paths.bystander))
  let seen = 0
  const site: Site = {
    server,
    hostile,
    bystander,
    path: paths.hostile,
    log,
    complaints() {
      const lines = log.slice(seen)
      seen = log.length
      return lines.filter(({ level }) => level === 'warn' || level === 'error').map(({ msg }) => msg)
    },
    async replaceHostile(guest, prepare) {
      site.hostile.disconnect()
      await until(() => !server.devices[0]!.connected, 'the hostile front end to be gone')
      prepare?.()
      site.hostile = guest
      await guest.connect(FrontEnd.connect(paths.hostile))
    },
    async expectUnharmed() {
      const { hostile } = site
      expect(await bystander.send(CLOCK, RATE_GET, 0)).toEqual([0, 24e6, 0])
      const { agents } = await client.call('getStats', undefined)
      expect(agents.map(({ agent, internal_errors }) => [agent, internal_errors])).toEqual([
        ['hostile', 0],
        ['bystander', 0],
      ])
      const { readings } = await client.call('get', { addresses: ['clock.clk_xtal.rate'] })
      expect(readings).toMatchObject([{ address: 'clock.clk_xtal.rate', number: 24e6 }])
      // Reset only once the device has left the ring: zeroing a running ring breaks a rule.
      await site.replaceHostile(hostile, () => hostile.driver.reset())
      expect(await hostile.send(BASE, 0)).toEqual([0, 0x20001])
      expect(await hostile.send(CLOCK, RATE_GET, 0)).toEqual([0, 24e6, 0])
      expect(site.complaints()).toEqual([])
    },
  }
  return site
}

/** Event buffers as Linux posts them. */
export function postEventBuffers({ driver }: Guest, count = driver.eventq.size): void {
  driver.postEventBuffers(count, CAPACITY)
}
