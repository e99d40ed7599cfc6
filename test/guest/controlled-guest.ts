/** A guest on the built device with all its ways in open: control socket and metrics. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { boot } from '../../qemu/boot/boot.js'
import type { Guest } from '../../qemu/guest/guest.js'
import type { AgentStats } from '../../src/access/operations/shapes.js'
import { RunningCommand, runCommand } from '../cli/command.js'
import { parseMetrics, type Scrape } from '../support/prometheus.js'
import { testKernel } from './kernel.js'

export class ControlledGuest {
  readonly folder = mkdtempSync(join(tmpdir(), 'scmi-control-'))
  readonly control = join(this.folder, 'control')
  readonly socketPath = join(this.folder, 'socket')
  readonly device: RunningCommand
  guest!: Guest

  constructor() {
    const args = ['--socket-path', this.socketPath, '--platform', 'everything']
    this.device = new RunningCommand([...args, '--control', this.control, '--metrics', '0'])
  }

  static async start(qemuArguments: string[] = []): Promise<ControlledGuest> {
    const site = new ControlledGuest()
    try {
      await site.device.said(/ready: /)
      const { socketPath } = site
      site.guest = await boot({
        kernel: await testKernel(),
        platform: 'everything',
        socketPath,
        // The kernel waits this long for a dropped reply.
        nodes: ['arm,max-rx-timeout-ms = <2000>;'],
        qemuArguments,
      })
      return site
    } catch (error) {
      await site.close()
      throw error
    }
  }

  async close(): Promise<void> {
    await this.guest?.kill()
    await this.device.stop()
    rmSync(this.folder, { recursive: true })
  }

  /** Runs `ctl`, which must succeed; returns its output. */
  async ctl(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await runCommand('ctl', '--control', this.control, ...args)
    expect([code, stderr], args.join(' ')).toEqual([0, ''])
    return stdout.trimEnd()
  }

  async json<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.ctl(...args, '--json')) as T
  }

  /** Starts a `ctl` that runs until it is stopped. */
  following(...args: string[]): RunningCommand {
    return new RunningCommand(['ctl', '--control', this.control, ...args])
  }

  async scrape(): Promise<Scrape> {
    const [, link] = /metrics: (http:\S+)/.exec(this.device.stderr) ?? []
    return parseMetrics(await (await fetch(link!)).text())
  }

  async stats(): Promise<AgentStats> {
    const [stats] = await this.json<AgentStats[]>('stats')
    return stats!
  }
}
