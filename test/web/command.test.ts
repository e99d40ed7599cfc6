/** `--http` as a user meets it. */

import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { inFolder, RunningCommand, runCommand } from '../cli/command.js'

test.each([
  ['8o', 'write PORT or HOST:PORT with a port of 0 (any free one) to 65535'],
  ['65536', 'write PORT or HOST:PORT with a port of 0 (any free one) to 65535'],
  ['localhost:', 'write PORT or HOST:PORT with a port of 0 (any free one) to 65535'],
  ['::1:8080', 'write PORT or HOST:PORT with a port of 0 (any free one) to 65535'],
  ['192.0.2.1:8080', 'this machine has no such address'],
  ['no.invalid:8080', 'there is no such name'],
])('--http %s is one line and exit code 2', (address, problem) =>
  inFolder(async folder => {
    const { code, stdout, stderr } = await runCommand('--socket-path', join(folder, 'socket'), '--http', address)
    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: '',
      stderr: `vhost-user-scmi: --http ${address}: ${problem}\n`,
    })
  }),
)

test('a port in use is said, and the socket of the device is gone', () =>
  inFolder(async folder => {
    const other = createServer()
    await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    const { code, stderr } = await runCommand('--socket-path', join(folder, 'socket'), '--http', String(port))
    other.close()
    expect(code).toBe(2)
    expect(stderr).toBe(
      `vhost-user-scmi: --http 127.0.0.1:${port}: another program uses that port; choose another, or 0 for any free one\n`,
    )
  }))

test.each([
  ['0', /web view: http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{43}$/m],
  ['localhost:0', /web view: http:\/\/localhost:\d+\/\?token=\S+$/m],
  ['0.0.0.0:0', /web view: http:\/\/127\.0\.0\.1:\d+\/\?token=\S+ \(unencrypted, and open to the network\)$/m],
])('--http %s prints a link, at any log level, and ends with the device', (address, line) =>
  inFolder(async folder => {
    const args = ['--socket-path', join(folder, 'socket'), '--log-level', 'silent', '--http', address]
    const command = new RunningCommand(args)
    await command.said(/ready: /)
    expect(command.stderr).toMatch(line)
    expect(await command.stop()).toBe(0)
  }),
)
