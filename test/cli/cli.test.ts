import { closeSync, existsSync, unlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { Request } from '../../src/front-end/protocol.js'
import { sys } from '../driver/syscalls.js'
import { inFolder, RunningCommand, runCommand } from './command.js'

const running: RunningCommand[] = []
afterEach(() => {
  for (const command of running.splice(0)) command.child.kill('SIGKILL')
})
function start(args: string[], fds: number[] = []): RunningCommand {
  const command = new RunningCommand(args, fds)
  running.push(command)
  return command
}

/** Any answer to GET_FEATURES shows that a device is there. */
async function answers(frontEnd: FrontEnd): Promise<boolean> {
  const features = await frontEnd.ask(Request.GET_FEATURES, 8)
  return (features.getBigUint64(0, true) & (1n << 32n)) !== 0n
}

function listening(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(path, () => resolve(server))
  })
}

describe('output', () => {
  test('--help teaches, with examples and exit codes', async () => {
    const { code, stdout } = await runCommand('--help')
    expect(code).toBe(0)
    for (const word of ['--socket-path', '--connect', '--fd', '--platform', '-chardev socket', 'Exit codes']) {
      expect(stdout).toContain(word)
    }
  })

  test('--version is the package version', async () => {
    const { code, stdout } = await runCommand('--version')
    expect([code, stdout.trim()]).toEqual([0, '0.2.0'])
  })

  test('--print-capabilities prints one JSON object, whatever the other options', async () => {
    const { code, stdout, stderr } = await runCommand('--nonsense', '--print-capabilities', '--fd', 'x')
    expect([code, JSON.parse(stdout), stderr]).toEqual([0, { type: 'scmi', features: [] }, ''])
  })

  test.each([
    { args: [], says: /give one of --socket-path, --connect or --fd/ },
    { args: ['--nonsense'], says: /unknown option '--nonsense'/ },
    { args: ['extra'], says: /unknown command 'extra'; there are platform, trace, bench, ctl, send, completion/ },
    { args: ['--socket-path', 'a', '--connect', 'b'], says: /--socket-path.*cannot be used with.*--connect/ },
    { args: ['--fd', '9', '--connect', 'b'], says: /cannot be used with/ },
    { args: ['--fd', 'nine'], says: /Write a whole number/ },
    { args: ['--fd', '99'], says: /--fd 99.*EBADF/ },
    { args: ['--fd', '0'], says: /--fd 0: .*socket/ },
    { args: ['--socket-path', 'x', '--log-level', 'loud'], says: /Allowed choices are silent, error/ },
    { args: ['--socket-path', 'x', '--poll-us', '-1'], says: /Write auto, or a whole number/ },
    {
      args: ['--socket-path', '/nowhere/x.sock'],
      says: /: \/nowhere\/x\.sock: there is no folder \/nowhere; make it, or give another --socket-path$/m,
    },
    {
      args: ['--socket-path', `/tmp/${'x'.repeat(120)}`],
      says: /is longer than the 107 bytes of a socket's path; make it shorter, or give another --socket-path/,
    },
    {
      args: ['--socket-path', 'x', '--platform', 'no-such-preset'],
      says: /no-such-preset: there is no such preset, only .*demo/,
    },
    { args: ['--socket-path', 'x', '--platform', './none.yaml'], says: /none\.yaml: there is no such file/ },
    {
      args: ['--socket-path', 'x', '--state', '/nowhere/x'],
      says: /--state \/nowhere\/x: there is no folder \/nowhere; make it, or give another file$/m,
    },
    { args: ['--socket-path', 'x', '--socket-mode', 'rw'], says: /Write three octal digits, such as 0600 or 0660/ },
    { args: ['--socket-path', 'x', '--socket-mode', '0888'], says: /Write three octal digits/ },
    { args: ['--socket-path', 'x', '--socket-mode', '04755'], says: /Write three octal digits/ },
    { args: ['--socket-path', 'x', '--state', '/dev/null'], says: /--state \/dev\/null: is not a file/ },
  ])('$args is refused in a line, with exit code 2', async ({ args, says }) => {
    const { code, stdout, stderr } = await runCommand(...args)
    expect(stderr).toMatch(says)
    expect(stderr).not.toMatch(/\n\s+at /)
    expect([code, stdout]).toEqual([2, ''])
  })

  test('the error of a platform file has file, line, field and allowed values', () =>
    inFolder(async folder => {
      const file = join(folder, 'board.yaml')
      writeFileSync(file, 'vendor: acme\nclocks:\n  - name: uart\n    rate: 24 MHzz\n')
      const { code, stderr } = await runCommand('--socket-path', join(folder, 's'), '--platform', file)
      expect(stderr.trim()).toBe(
        `vhost-user-scmi: ${file}:4:11: clocks[0].rate: 24 MHzz is not a frequency; write a number of Hz or e.g. "24 MHz"`,
      )
      expect(code).toBe(2)
    }))
})

describe('--socket-path', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('%s ends it with exit code 0 and removes the socket file', signal =>
    inFolder(async folder => {
      const path = join(folder, 'scmi.sock')
      const command = start(['--socket-path', path])
      await command.said(/ready: accepting connections on .*scmi\.sock/)
      const frontEnd = FrontEnd.connect(path)
      expect(await answers(frontEnd)).toBe(true)
      expect(await command.stop(signal)).toBe(0)
      expect(existsSync(path)).toBe(false)
      expect(command.stderr.match(/ready:/g)).toHaveLength(1)
      frontEnd.close()
    }),
  )

  test('ready is logged at any log level, also as JSON', () =>
    inFolder(async folder => {
      const command = start(['--socket-path', join(folder, 's'), '--log-level', 'silent', '--json'])
      await command.said(/ready/)
      const lines = command.stderr
        .trim()
        .split('\n')
        .map(line => JSON.parse(line))
      expect(lines).toEqual([expect.objectContaining({ msg: expect.stringMatching(/^ready: /) })])
    }))

  test('the socket file that a killed process left is replaced', () =>
    inFolder(async folder => {
      const path = join(folder, 's')
      const first = start(['--socket-path', path])
      await first.said(/ready/)
      expect(await first.stop('SIGKILL')).toBe('SIGKILL')
      expect(existsSync(path)).toBe(true)
      const second = start(['--socket-path', path])
      await second.said(/ready/)
      const frontEnd = FrontEnd.connect(path)
      expect(await answers(frontEnd)).toBe(true)
      frontEnd.close()
    }))

  test('a path that a live back end serves is refused, and the live one stays', () =>
    inFolder(async folder => {
      const path = join(folder, 's')
      const first = start(['--socket-path', path])
      await first.said(/ready/)
      const { code, stderr } = await runCommand('--socket-path', path)
      expect([code, stderr]).toEqual([2, expect.stringContaining('is served by a running process')])
      const frontEnd = FrontEnd.connect(path)
      expect(await answers(frontEnd)).toBe(true)
      frontEnd.close()
    }))

  test('a path that is not a socket is refused and left alone', () =>
    inFolder(async folder => {
      const path = join(folder, 'precious')
      writeFileSync(path, 'text')
      const { code, stderr } = await runCommand('--socket-path', path)
      expect([code, stderr]).toEqual([2, expect.stringContaining('exists and is not a socket')])
      expect(existsSync(path)).toBe(true)
    }))

  test('a socket file that somebody else has put there is not removed', () =>
    inFolder(async folder => {
      const path = join(folder, 's')
      const command = start(['--socket-path', path])
      await command.said(/ready/)
      unlinkSync(path)
      const other = await listening(path)
      expect(await command.stop()).toBe(0)
      expect(existsSync(path)).toBe(true)
      other.close()
    }))
})

describe('--fd', () => {
  // Raw descriptors: this process must not accept or read itself.
  test('takes an inherited listening socket', () =>
    inFolder(async folder => {
      const path = join(folder, 's')
      const listener = sys.listen(path)
      const command = start(['--fd', '3'], [listener])
      await command.said(/ready: accepting connections on fd 3/)
      const frontEnd = FrontEnd.connect(path)
      expect(await answers(frontEnd)).toBe(true)
      frontEnd.close()
      expect(await command.stop()).toBe(0)
      closeSync(listener)
    }))

  test('takes an inherited connected socket', () =>
    inFolder(async folder => {
      const path = join(folder, 's')
      const listener = sys.listen(path)
      const frontEnd = FrontEnd.connect(path)
      const socket = sys.accept(listener)
      const command = start(['--fd', '3'], [socket])
      await command.said(/ready/)
      closeSync(socket)
      expect(await answers(frontEnd)).toBe(true)
      frontEnd.close()
      closeSync(listener)
    }))
})

describe('--connect', () => {
  /** Accepts the device's next connection as a raw socket. */
  async function dialled(server: Server): Promise<Socket> {
    return new Promise(resolve => server.once('connection', resolve))
  }
  const GET_FEATURES = Buffer.from([1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
  const reply = (socket: Socket): Promise<Buffer> => new Promise(resolve => socket.once('data', resolve))

  test('dials a front end that starts to listen later, and again after each disconnect', () =>
    inFolder(async folder => {
      const path = join(folder, 's')
      const command = start(['--connect', path])
      await command.said(/ready: connecting to/)
      const server = await listening(path)
      for (let round = 0; round < 3; round++) {
        const socket = await dialled(server)
        socket.write(GET_FEATURES)
        expect((await reply(socket)).length).toBe(20)
        socket.destroy()
      }
      expect(await command.stop()).toBe(0)
      server.close()
    }))
})
