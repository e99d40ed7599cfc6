/** A running guest as tests and commands use it: run a command, read and write files, watch the console, end it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterMs, type Timer } from '../../src/platform/core/time.js'
import type { Server } from '../devices/device.js'
import type { OwnDevices } from '../devices/own-devices.js'
import { SCMI_DRIVER, slotOf } from '../machine/machine.js'
import type { Qmp } from '../machine/qmp.js'
import type { Vm } from '../machine/vm.js'
import { GuestError, WorkError } from '../support/errors.js'
import type { Channel, Ending, JobKind } from './channel.js'

export interface RunLimits {
  /** Kills the command in the guest after this time; default 30 s, 0: never. */
  timeoutMs?: number
  /** Time after that for the guest to report the kill, before it counts as hung; default 15 s. */
  graceMs?: number
}

export interface CommandResult {
  /** Exit status; 128 + signal number, as in a shell, if a signal ended the command. */
  status: number
  stdout: string
  stderr: string
}

/** An SCMI reply as `scmi-raw` gets it: the status, and the words after it. */
export interface RawReply {
  status: number
  words: number[]
}

const DEFAULT_LIMIT_MS = 30_000
const DEFAULT_GRACE_MS = 15_000
const POWER_OFF_LIMIT_MS = 15_000
const UNPLUG_LIMIT_MS = 60_000
const BUSY_SLOT_LIMIT_MS = 10_000
const BUSY_SLOT_PAUSE_MS = 100
const REBOOT_LIMIT_MS = 60_000
/** A day: longer than any run. */
const NO_LIMIT_MS = 86_400_000
/** A frame's payload, less room for the request's numbers and a long path. */
const CHUNK_SIZE = 512 << 10

interface GuestParts {
  vm: Vm
  channel: Channel
  qmp: Qmp
  devices: OwnDevices
  /** Ends the guest's other processes, and removes its files. */
  cleanup: () => void
}

export class Guest {
  readonly vm: Vm
  /** Commands to its QEMU. */
  readonly qmp: Qmp
  readonly #devices: OwnDevices
  readonly #channel: Channel
  readonly #cleanup: () => void
  #isClosing = false

  /** Use `boot`. */
  constructor({ vm, channel, qmp, devices, cleanup }: GuestParts) {
    this.vm = vm
    this.qmp = qmp
    this.#devices = devices
    this.#channel = channel
    this.#cleanup = cleanup
    void vm.exited.then(
      how => channel.fail(this.#isClosing ? new GuestError('exited', 'the guest is closed') : vm.failure(how)),
      error => channel.fail(error),
    )
    void vm.died.then(() => channel.fail(vm.failure('it stays as it is', 'panic')))
  }

  /** The servers of the devices in this process, in the machine's order. */
  get servers(): readonly Server[] {
    return this.#devices.list
  }

  /** The server of the first device in this process; most machines have one. */
  get server(): Server | undefined {
    return this.servers[0]
  }

  /** The console's output so far. */
  get console(): string {
    return this.vm.console
  }

  /** Runs a shell command. A non-zero exit status is a result; a timeout or a dead guest is an error. */
  async run(command: string, limits: RunLimits & { stdin?: string | Buffer } = {}): Promise<CommandResult> {
    const ending = await this.#job('run', command, limits, Buffer.from(limits.stdin ?? ''))
    return {
      status: ending.how === 'signalled' ? 128 + ending.value : ending.value,
      stdout: ending.stdout.toString(),
      stderr: ending.stderr.toString(),
    }
  }

  /** Runs a command that must succeed and returns its standard output. */
  async check(command: string, limits: RunLimits = {}): Promise<string> {
    const result = await this.run(command, limits)
    if (result.status === 0) return result.stdout
    throw new GuestError(
      'refused',
      `"${command}" exited with status ${result.status}\n${result.stdout}${result.stderr}`,
    )
  }

  /** Reads a file of the guest, also in /proc or /sys. */
  async readFile(path: string, limits: RunLimits = {}): Promise<string> {
    return (await this.readBytes(path, limits)).toString()
  }

  async readBytes(path: string, limits: RunLimits = {}): Promise<Buffer> {
    return (await this.#fileJob('read', path, limits)).stdout
  }

  /** Writes a file of the guest, in one write(2) as sysfs needs it, unless the content is longer than a chunk. */
  async writeFile(path: string, content: string | Buffer, limits: RunLimits = {}): Promise<void> {
    const bytes = Buffer.from(content as string)
    let kind: JobKind = 'write'
    for (let at = 0; at === 0 || at < bytes.length; at += CHUNK_SIZE) {
      await this.#fileJob(kind, path, limits, bytes.subarray(at, at + CHUNK_SIZE))
      kind = 'append'
    }
  }

  /** The kernel's log. */
  dmesg(): Promise<string> {
    return this.check('dmesg')
  }

  /** Sends one SCMI command through the kernel's raw mode. */
  async scmi(protocol: number, message: number, words: number[] = [], limits: RunLimits = {}): Promise<RawReply> {
    const numbers = [protocol, message, ...words.map(word => word >>> 0)].join(' ')
    const { status, stdout, stderr } = await this.run(`scmi-raw ${numbers}`, limits)
    if (status > 1) throw new GuestError('refused', `scmi-raw ${numbers}: ${stderr.trim()}`)
    const [first, ...rest] = stdout.trim().split('\n')
    return { status: Number(first!.split(' ')[1]), words: rest.map(Number) }
  }

  /** Waits for text on the console; text from before the call counts. */
  waitForConsole(pattern: RegExp, limitMs = DEFAULT_LIMIT_MS): Promise<RegExpExecArray> {
    const fresh = new RegExp(pattern.source, pattern.flags.replace('g', ''))
    return this.vm.waitFor(`${pattern} on the console`, limitMs, () => fresh.exec(this.vm.console))
  }

  /** Ends a device of this process at once, as if it were killed. Only one that dials can be started again. */
  stopDevice(index = 0): void {
    this.servers[index]!.close()
  }

  /** Starts a stopped device again, as a new device on a fresh platform. Resolves when it dials. */
  startDevice(index = 0): Promise<Server> {
    return this.#devices.start(index)
  }

  /** Plugs an SCMI device into its slot; resolves when QEMU has, before the guest has seen it. */
  async plug(index = 0): Promise<void> {
    const { id, bus, path } = this.vm.machine.scmi[index]!
    const addr = { type: 'unix', data: { path } }
    await this.qmp.execute('chardev-add', { id, backend: { type: 'socket', data: { addr, server: false } } })
    await this.qmp.execute('device_add', { driver: SCMI_DRIVER[bus], id, chardev: id, bus: slotOf(id) })
  }

  /**
   * Unplugs an SCMI device in order, as its slot's button does; resolves when the device is gone. The guest would wait five
   * seconds for a second press of the button (pciehp_ctrl.c), so its slot is switched off at once.
   */
  async unplug(index = 0): Promise<void> {
    const { id } = this.vm.machine.scmi[index]!
    const deleted = this.qmp.event('DEVICE_DELETED', UNPLUG_LIMIT_MS, ({ device }) => device === id)
    // Awaited below; if QEMU or the guest refuses, nobody awaits it.
    deleted.catch(() => undefined)
    await this.#requestUnplug(id)
    await this.check(`echo 0 >/sys/bus/pci/slots/${index + 1}/power`, { timeoutMs: UNPLUG_LIMIT_MS })
    await deleted
    await this.qmp.execute('chardev-remove', { id })
  }

  /** Tries again while QEMU refuses because the guest still handles the slot's last plug or unplug. */
  async #requestUnplug(id: string): Promise<void> {
    for (const until = performance.now() + BUSY_SLOT_LIMIT_MS; ; await sleep(BUSY_SLOT_PAUSE_MS)) {
      try {
        await this.qmp.execute('device_del', { id })
        return
      } catch (error) {
        const isBusy = error instanceof WorkError && error.message.includes('guest is busy')
        if (!isBusy || performance.now() > until) throw error
      }
    }
  }

  /**
   * From now on the machine stands still when the guest resets itself, as after a panic, instead of ending. Resolves when
   * it does; `reboot('at once')` starts it again. To be called again after that.
   */
  async standsStill(): Promise<{ stopped: Promise<void> }> {
    // The guest's reset counts as a shutdown (Machine: -no-reboot), and that does not end QEMU this once.
    await this.qmp.execute('set-action', { shutdown: 'pause' })
    const stopped = this.qmp.event('STOP', NO_LIMIT_MS).then(() => undefined)
    // QEMU may end before, and nobody may wait.
    stopped.catch(() => undefined)
    return { stopped }
  }

  /** A power-off ends QEMU again. */
  async endsAgain(): Promise<void> {
    await this.qmp.execute('set-action', { shutdown: 'poweroff' })
  }

  /**
   * Restarts the guest: in order, as its own `reboot` does, or at once, as the reset button does. Resolves when it
   * answers. Files that were written to it are gone.
   */
  async reboot(how: 'in order' | 'at once' = 'in order'): Promise<void> {
    let isReady = false
    this.#channel.restart(() => {
      isReady = true
      this.vm.poke()
    })
    // Who wants to look at the machine does before the reset, while it stands still.
    if (this.vm.onReset && how === 'in order') {
      const { stopped } = await this.standsStill()
      this.#channel.reboot()
      await stopped
      await this.endsAgain()
    } else if (how === 'at once') await this.qmp.execute('stop')
    this.vm.onReset?.()
    // QEMU was started to exit on a reset, which is how a panic ends it: for this restart that is changed.
    await this.qmp.execute('set-action', { reboot: 'reset' })
    if (how === 'in order' && !this.vm.onReset) this.#channel.reboot()
    else {
      await this.qmp.execute('system_reset')
      await this.qmp.execute('cont')
    }
    await this.vm.waitFor("the restarted guest's hello", REBOOT_LIMIT_MS, () => isReady)
    await this.qmp.execute('set-action', { reboot: 'shutdown' })
  }

  /** Powers the guest off, and stops the devices. */
  async close(): Promise<void> {
    this.#isClosing = true
    try {
      if (!this.vm.isRunning) return
      this.#channel.powerOff()
      await this.vm.waitFor('power-off', POWER_OFF_LIMIT_MS, () => !this.vm.isRunning)
    } finally {
      await this.kill()
    }
  }

  /** Ends the guest at once, as a power cut does, and stops the devices. */
  async kill(): Promise<void> {
    this.#isClosing = true
    this.vm.kill()
    await this.vm.exited
    this.#channel.close()
    this.#cleanup()
  }

  async #fileJob(kind: JobKind, path: string, limits: RunLimits, body?: Buffer): Promise<Ending> {
    const ending = await this.#job(kind, path, limits, body)
    if (ending.how === 'exited' && ending.value === 0) return ending
    throw new GuestError('refused', `${kind} in the guest: ${ending.stderr.toString().trim() || ending.how}`)
  }

  async #job(kind: JobKind, head: string, limits: RunLimits, body?: Buffer): Promise<Ending> {
    const limitMs = limits.timeoutMs ?? DEFAULT_LIMIT_MS
    const { id, ended } = this.#channel.job(kind, limitMs, head, body)
    let timer: Timer | undefined
    const hung = new Promise<never>((_, reject) => {
      const say = () =>
        reject(this.vm.failure(`the guest no longer answers; it was asked to ${kind} "${head}"`, 'hang'))
      if (limitMs > 0 && !this.vm.isDebugged) timer = afterMs(limitMs + (limits.graceMs ?? DEFAULT_GRACE_MS), say)
    })
    try {
      return this.#judge(await Promise.race([ended, hung]), kind, head, limitMs)
    } catch (error) {
      this.#channel.kill(id)
      throw error
    } finally {
      timer?.cancel()
    }
  }

  #judge(ending: Ending, kind: JobKind, head: string, limitMs: number): Ending {
    const output = `${ending.stdout}${ending.stderr}`.trim()
    const late = `${kind} "${head}" took longer than ${limitMs} ms`
    const saying = output ? `; so far it said\n${output.slice(-2000)}` : ''
    if (ending.how === 'timed out') throw this.vm.failure(`${late} and was killed${saying}`, 'timeout')
    if (ending.how === 'stuck')
      throw this.vm.failure(`${late} and cannot be killed: it hangs in the kernel${saying}`, 'timeout')
    if (ending.how === 'refused')
      throw new GuestError('refused', `the guest refuses to ${kind} "${head}": error ${ending.value}`)
    return ending
  }
}
