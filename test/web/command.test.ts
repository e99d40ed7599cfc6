/** `--http` and `--metrics` of the built command. */
import { existsSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { inFolder, RunningCommand, runCommand } from '../cli/command.js'
import { readmeLines } from '../support/readme.js'

const FORMAT = 'write PORT or HOST:PORT with a port of 0 (any free one) to 65535'

describe.each(['--http', '--metrics'])('%s', option => {
  test.each([
    ['8o', FORMAT],
    ['65536', FORMAT],
    ['localhost:', FORMAT],
    ['::1:8080', FORMAT],
    ['192.0.2.1:8080', 'not an address of this machine'],
    ['no.invalid:8080', 'unknown host name'],
  ])('%s is one line and exit code 2', (address, problem) =>
    inFolder(async folder => {
      const { code, stdout, stderr } = await runCommand('--socket-path', join(folder, 'socket'), option, address)
      expect({ code, stdout, stderr }).toEqual({
        code: 2,
        stdout: '',
        stderr: `vhost-user-scmi: ${option} ${address}: ${problem}\n`,
      })
    }),
  )

  test('with a port in use is an error, and the socket of the device is removed', () =>
    inFolder(async folder => {
      const other = createServer()
      await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
      const { port } = other.address() as AddressInfo
      const path = join(folder, 'socket')
      const { code, stderr } = await runCommand('--socket-path', path, option, String(port))
      other.close()
      expect(code).toBe(2)
      expect(stderr).toBe(
        `vhost-user-scmi: ${option} 127.0.0.1:${port}: the port is in use; choose another, or 0 for any free one\n`,
      )
      expect(existsSync(path)).toBe(false)
    }))
})

test.each([
  ['--http', '0', /web view: http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{43}$/m],
  ['--http', 'localhost:0', /web view: http:\/\/localhost:\d+\/\?token=\S+$/m],
  [
    '--http',
    '0.0.0.0:0',
    /web view: http:\/\/127\.0\.0\.1:\d+\/\?token=\S+ \(unencrypted, and open to the network\)$/m,
  ],
  ['--metrics', '0', /metrics: http:\/\/127\.0\.0\.1:\d+\/metrics$/m],
  ['--metrics', '[::1]:0', /metrics: http:\/\/\[::1\]:\d+\/metrics$/m],
  ['--metrics', '0.0.0.0:0', /metrics: http:\/\/0\.0\.0\.0:\d+\/metrics \(unencrypted, and open to the network\)$/m],
])('%s %s says where it is, at any log level, and ends with the device', (option, address, line) =>
  inFolder(async folder => {
    const args = ['--socket-path', join(folder, 'socket'), '--log-level', 'silent', option, address]
    const command = new RunningCommand(args)
    await command.said(/ready: /)
    expect(command.stderr).toMatch(line)
    expect(await command.stop()).toBe(0)
  }),
)

test.each(['--platform demo'])("README's command with %s serves", text =>
  inFolder(async folder => {
    const [line, ...others] = readmeLines(text)
    expect(others).toEqual([])
    const words = line!.replace(/ +#.*/, '').replace('/tmp', folder).split(' ')
    expect(words.slice(0, 2)).toEqual(['npx', 'vhost-user-scmi'])
    const command = new RunningCommand(words.slice(2))
    await command.said(/ready: /)
    expect(await command.stop()).toBe(0)
  }),
)
