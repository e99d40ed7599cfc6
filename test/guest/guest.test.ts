/** Guests: booting, commands and files, and how the end of a guest is reported. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type BootOptions, boot } from '../../qemu/boot/boot.js'
import type { Guest } from '../../qemu/guest/guest.js'
import { GuestError, InterruptedError } from '../../qemu/support/errors.js'
import { KERNEL_LIMIT_MS, testKernel } from './kernel.js'
import { LabCommand } from './lab-command.js'

const LIMIT_MS = 120_000

let kernel: string
/** The folder for run folders of this file and of the commands it starts. */
const folder = mkdtempSync(join(tmpdir(), 'scmi-lab-test-'))
beforeAll(async () => {
  process.env.TMPDIR = folder
  kernel = await testKernel()
}, KERNEL_LIMIT_MS)
afterAll(() => rmSync(folder, { recursive: true }))

const bootGuest = (options: Partial<BootOptions> = {}): Promise<Guest> => boot({ kernel, platform: null, ...options })

/** The error of a promise that must reject. */
const failure = (work: Promise<unknown>): Promise<GuestError> =>
  work.then(
    () => expect.unreachable('it must fail'),
    (error: GuestError) => error,
  )

const runFolders = (): string[] => readdirSync(folder)

describe('one guest', () => {
  let guest: Guest
  beforeAll(async () => {
    guest = await bootGuest({
      append: ['lab.test=here'],
      files: [{ path: '/root/hello', content: '#!/bin/sh\necho hello from a file\n' }],
    })
  }, LIMIT_MS)
  afterAll(() => guest?.close(), LIMIT_MS)

  test('commands give their status, standard output and standard error', async () => {
    const result = await guest.run('cat /proc/version; echo wrong >&2; exit 3')
    expect(result).toMatchObject({ status: 3, stderr: 'wrong\n' })
    expect(result.stdout).toMatch(/^Linux version 7\.3/)
    expect(await guest.run('kill -9 $$')).toMatchObject({ status: 137 })
    expect(await guest.run('tr a-z A-Z', { stdin: 'loud' })).toMatchObject({ status: 0, stdout: 'LOUD' })
    expect(await guest.check('cat /proc/cmdline')).toContain('lab.test=here')
    expect(await guest.check('/root/hello')).toBe('hello from a file\n')
  })

  test('several run at once: each waits for the other’s mark', async () => {
    const meet = (mine: string, other: string) =>
      guest.check(`touch /tmp/${mine}; until [ -e /tmp/${other} ]; do sleep 0.01; done; echo ${mine}`)
    expect(await Promise.all([meet('a', 'b'), meet('b', 'a')])).toEqual(['a\n', 'b\n'])
  })

  test('output of a megabyte arrives whole', async () => {
    const { stdout } = await guest.run('i=0; while [ $i -lt 16 ]; do printf %065536d $i; i=$((i+1)); done')
    expect(stdout.length).toBe(1 << 20)
    expect(stdout.endsWith('15')).toBe(true)
  })

  test('files are written and read: plain ones, long ones, and those of the kernel', async () => {
    const long = Buffer.alloc(1_300_000, 'long ')
    await guest.writeFile('/tmp/long', long)
    expect((await guest.readBytes('/tmp/long')).equals(long)).toBe(true)
    await guest.writeFile('/tmp/long', 'short')
    expect(await guest.readFile('/tmp/long')).toBe('short')
    await guest.writeFile('/proc/sys/kernel/hostname', 'lab')
    expect(await guest.readFile('/proc/sys/kernel/hostname')).toBe('lab\n')
    const error = await failure(guest.readFile('/no/file'))
    expect(error.message).toContain('/no/file: No such file or directory')
  })

  test('a command over its time limit is killed and reported with its output; the guest continues', async () => {
    const error = await failure(guest.run('echo so far; sleep 1000', { timeoutMs: 300 }))
    expect(error).toBeInstanceOf(GuestError)
    expect(error.reason).toBe('timeout')
    expect(error.message).toContain('longer than 300 ms')
    expect(error.message).toContain('so far')
    expect(error.message).toMatch(/qemu-system-aarch64 .*-kernel \/\S+\/Image/)
    expect(await guest.check('pidof sleep || echo gone')).toBe('gone\n')
  })

  test('a command ends although a process that it started continues in the background', async () => {
    expect(await guest.run('sleep 1000 & echo started')).toMatchObject({ status: 0, stdout: 'started\n' })
    await guest.check('killall sleep')
  })

  test('the console and the kernel’s log are there', async () => {
    expect(guest.console).toContain('Run /init as init process')
    expect(await guest.dmesg()).toContain('Run /init as init process')
    await guest.check('echo mark 42 > /dev/console')
    expect((await guest.waitForConsole(/mark (\d+)/, 10_000))[1]).toBe('42')
    const error = await failure(guest.waitForConsole(/never said/, 100))
    expect(error.message).toContain('never said')
  })

  test('the file systems that a shell and the SCMI drivers need are mounted', async () => {
    const mounts = await guest.readFile('/proc/mounts')
    for (const path of ['/proc', '/sys', '/dev', '/tmp', '/sys/kernel/debug', '/sys/kernel/tracing']) {
      expect(mounts).toContain(` ${path} `)
    }
    expect(await guest.check('ls /sys/kernel/tracing/events/scmi')).toContain('scmi_xfer_begin')
  })

  test('scmi-raw prints its usage, refuses wrong numbers, and says when there is no platform', async () => {
    expect(await guest.check('scmi-raw -h')).toContain('scmi-raw 0x10 0x0')
    expect(await guest.run('scmi-raw 0x10 zero')).toMatchObject({ status: 2, stdout: '' })
    const { status, stderr } = await guest.run('scmi-raw 0x10 0x0')
    expect(status).toBe(2)
    expect(stderr).toContain('no SCMI platform')
  })
})

describe('the end of a guest', () => {
  let guest: Guest | undefined
  afterEach(async () => {
    await guest?.kill()
    guest = undefined
  })

  test(
    'close powers off, and leaves neither QEMU nor files',
    async () => {
      guest = await bootGuest()
      const { pid } = guest.vm
      await guest.close()
      expect(guest.console).toContain('reboot: Power down')
      expect(existsSync(`/proc/${pid}`)).toBe(false)
      expect((await failure(guest.run('true'))).message).toBe('the guest is closed')
    },
    LIMIT_MS,
  )

  test(
    'a panic fails the running command, with the console’s last lines and a command that reproduces it',
    async () => {
      guest = await bootGuest()
      const error = await failure(guest.run('echo c > /proc/sysrq-trigger'))
      expect(error.reason).toBe('panic')
      expect(error.message).toMatch(/panicked[\s\S]*Kernel panic - not syncing: sysrq triggered crash/)
      expect(error.message).toMatch(/qemu-system-aarch64 .*lab\.shell/)
    },
    LIMIT_MS,
  )

  test(
    'a panic that keeps the machine up is noticed as well, and an oops becomes a panic on request',
    async () => {
      guest = await bootGuest({ append: ['panic=0', 'oops=panic'] })
      const error = await failure(guest.run('echo c > /proc/sysrq-trigger'))
      expect(error.reason).toBe('panic')
      expect(error.message).toContain('end Kernel panic')
    },
    LIMIT_MS,
  )

  test(
    'a guest that stops answering is a hang, not a wait for ever',
    async () => {
      guest = await bootGuest()
      process.kill(guest.vm.pid, 'SIGSTOP')
      const error = await failure(guest.run('true', { timeoutMs: 100, graceMs: 500 }))
      expect(error.reason).toBe('hang')
      expect(error.message).toContain('no longer answers')
      process.kill(guest.vm.pid, 'SIGCONT')
    },
    LIMIT_MS,
  )

  test(
    'a killed QEMU fails all pending commands',
    async () => {
      guest = await bootGuest()
      const waiting = [failure(guest.run('sleep 1000')), failure(guest.waitForConsole(/never/, 60_000))]
      process.kill(guest.vm.pid, 'SIGKILL')
      for (const error of await Promise.all(waiting)) expect(error.message).toContain('SIGKILL')
    },
    LIMIT_MS,
  )

  test(
    'a kernel that does not reach init is reported with its console',
    async () => {
      const error = await failure(bootGuest({ append: ['rdinit=/no/init'] }))
      expect(error.reason).toBe('panic')
      expect(error.message).toContain('Unable to mount root fs')
    },
    LIMIT_MS,
  )

  test(
    'arguments that QEMU refuses are reported in QEMU’s words',
    async () => {
      const error = await failure(bootGuest({ qemuArguments: ['-device', 'no-such-device'] }))
      expect(error.message).toContain("'no-such-device' is not a valid device model name")
    },
    LIMIT_MS,
  )

  test(
    'a boot that is interrupted leaves nothing',
    async () => {
      const before = runFolders()
      const stop = new AbortController()
      const booting = bootGuest({ signal: stop.signal })
      stop.abort()
      await expect(booting).rejects.toBeInstanceOf(InterruptedError)
      expect(runFolders()).toEqual(before)
    },
    LIMIT_MS,
  )
})

describe('scmi-lab boot', () => {
  const commands: LabCommand[] = []
  const start = (...args: ConstructorParameters<typeof LabCommand>): LabCommand => {
    const command = new LabCommand(...args)
    commands.push(command)
    return command
  }
  afterEach(() => {
    for (const command of commands.splice(0)) command.child.kill()
  })

  test(
    '--print-command prints one line that a shell splits into the same words',
    async () => {
      const args = ['boot', '--kernel', kernel, '--append', "a='b c'", '--print-command']
      const command = start([...args, '--', '-name', 'it is'])
      expect(await command.ended).toBe(0)
      expect(command.stdout.trimEnd().split('\n').length).toBe(1)
      expect(command.stdout).toMatch(/^qemu-system-aarch64 -machine virt,.* -name 'it is'\n$/)
      expect(command.stdout).toContain('-device vhost-user-scmi-pci,chardev=scmi')
      expect(command.stderr).toMatch(/^node \S+\/cli\.js --socket-path \/tmp\/scmi\.sock --platform demo$/m)
    },
    LIMIT_MS,
  )

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'ends QEMU and device on %s',
    async signal => {
      const before = runFolders()
      const command = start(['boot', '--kernel', kernel])
      await command.heard(/Leave with "exit"/)
      command.child.kill(signal)
      expect(await command.ended).toBe(130)
      expect(runFolders()).toEqual(before)
    },
    LIMIT_MS,
  )

  test.each([
    ['"exit"', 'exit\n'],
    ['Ctrl-A X', '\x01x'],
    ['"poweroff"', 'poweroff\n'],
  ])(
    'gives a shell with job control, and ends with 0 on %s',
    async (_, last) => {
      const command = start(['boot', '--kernel', kernel], { TERM: 'vt100' }, 'terminal')
      const prompt = (after: string) => command.heard(new RegExp(`${after}[\\s\\S]*guest:~# `))
      await prompt('Leave with')
      // Printed by the process that Ctrl-C must reach.
      command.type("sh -c 'echo $TERM on $(tty); exec sleep 1000'\n")
      await command.heard(/vt100 on \/dev\/ttyAMA0/)
      command.type('\x03')
      await prompt('\\^C')
      command.type('scmi-raw 0x10 0x0\n')
      await prompt('status 0 \\(SUCCESS\\)')
      command.type(last)
      expect(await command.ended).toBe(0)
      expect(runFolders()).toEqual([])
    },
    LIMIT_MS,
  )
})
