/** `vhost-user-scmi send`, as it is used: the built command against a served platform. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { definePlatform } from '../../src/loading/load.js'
import { serve } from '../../src/server/serve.js'
import type { Server } from '../../src/server/server.js'
import { inFolder, RunningCommand, runCommand } from './command.js'

const platform = definePlatform({
  vendor: 'acme',
  protocols: { clock: { max_pending_async: 2 } },
  clocks: [{ name: 'cpu', rates: ['600 MHz', '1.2 GHz'], latency: '1 ms' }],
})

/** Serves the platform to the commands that `use` runs. */
function withDevice(use: (socket: string, server: Server) => Promise<void>): Promise<void> {
  return inFolder(async folder => {
    const socket = join(folder, 'scmi.sock')
    const server = await serve({ platform, endpoint: { socketPath: socket } })
    try {
      await use(socket, server)
    } finally {
      server.close()
    }
  })
}

describe('send', () => {
  test('prints the decoded answer, and sets what the request says', () =>
    withDevice(async socket => {
      const set = await runCommand('send', socket, 'clock', 'CLOCK_RATE_SET', 'clock_id=0', 'rate=1200000000')
      expect(set).toMatchObject({ code: 0, stderr: '' })
      const get = await runCommand('send', socket, 'clock', 'CLOCK_RATE_GET', 'clock_id=0')
      expect(get).toMatchObject({
        code: 0,
        stdout: 'clock CLOCK_RATE_GET #1 {clock_id: 0} → SUCCESS {rate: 1200000000}\n',
      })
    }))

  test('ends with 1 and the status if that is not SUCCESS', () =>
    withDevice(async socket => {
      const failed = await runCommand('send', socket, 'clock', 'CLOCK_RATE_GET', 'clock_id=7', '--json')
      expect(failed).toMatchObject({ code: 1, stderr: 'vhost-user-scmi: clock CLOCK_RATE_GET: NOT_FOUND\n' })
      expect(JSON.parse(failed.stdout)).toMatchObject({ request: { clock_id: 7 }, status: 'NOT_FOUND' })
    }))

  test('takes ids and words, and waits for a delayed response', () =>
    withDevice(async socket => {
      const words = ['1', '0', '600000000', '0']
      const { stdout } = await runCommand('send', socket, '0x14', '0x5', ...words, '--delayed')
      expect(stdout.split('\n')).toEqual([
        'clock CLOCK_RATE_SET #1 {flags: 1, clock_id: 0, rate: 600000000} → SUCCESS',
        'delayed response to clock CLOCK_RATE_SET #1 SUCCESS {clock_id: 0, rate: 600000000}',
        '',
      ])
    }))

  test('prints notifications until it is interrupted', () =>
    withDevice(async (socket, server) => {
      const request = ['clock', 'CLOCK_RATE_NOTIFY', 'clock_id=0', 'notify_enable=1']
      const command = new RunningCommand(['send', socket, ...request, '--listen', '0'])
      await command.printed(/CLOCK_RATE_NOTIFY .* → SUCCESS/)
      server.faults.send({
        protocol: 'clock',
        message: 'CLOCK_RATE_CHANGED',
        fields: { agent_id: 0, clock_id: 0, rate: 5 },
      })
      await command.printed(/clock CLOCK_RATE_CHANGED \{agent_id: 0, clock_id: 0, rate: 5\}/)
      expect(await command.stop('SIGINT')).toBe(0)
    }))

  test('lists the commands of a protocol with their fields, without a device', async () => {
    const { code, stdout } = await runCommand('send', '/nowhere', 'clock')
    expect(code).toBe(0)
    expect(stdout).toContain('CLOCK_RATE_SET flags clock_id rate\n')
  })

  const wrong: [string, string[], string][] = [
    ['a protocol', ['clok', 'CLOCK_RATE_GET'], 'there is no protocol clok; there are base, power, '],
    ['a message', ['clock', 'CLOCK_GET'], 'clock has no command CLOCK_GET; it has PROTOCOL_VERSION, '],
    ['a field', ['clock', 'CLOCK_RATE_GET', 'id=1'], 'there is no field id; there are clock_id'],
    ['a value', ['clock', 'CLOCK_RATE_GET', 'clock_id=x'], 'clock_id: x is not a whole number from 0 to 4294967295'],
    ['a word', ['clock', 'CLOCK_RATE_GET', 'clock_id'], 'clock_id: write FIELD=VALUE'],
    ['a list', ['pinctrl', 'PINCTRL_SETTINGS_CONFIGURE', 'configs=[1'], 'configs: '],
    ['a raw word', ['clock', '6', '-1'], '-1: with a message id, give the payload as numbers'],
    ['a number', ['clock', '6', '4294967296'], '4294967296: with a message id, give the payload as numbers'],
  ]
  test.each(wrong)('ends with 2 if %s is wrong', (_, words, error) =>
    withDevice(async socket => {
      const { code, stderr } = await runCommand('send', socket, ...words)
      expect(stderr).toContain(error)
      expect(stderr.trimEnd().split('\n')).toHaveLength(1)
      expect(code).toBe(2)
    }),
  )

  test('ends with 2 if nothing listens, with 1 if another front end is connected', () =>
    withDevice(async socket => {
      const missing = await runCommand('send', `${socket}x`, 'base', 'PROTOCOL_VERSION')
      expect(missing).toMatchObject({ code: 2 })
      expect(missing.stderr).toContain('start a device with --socket-path')
      const first = new RunningCommand(['send', socket, 'base', 'PROTOCOL_VERSION', '--listen', '0'])
      await first.printed(/SUCCESS/)
      const second = await runCommand('send', socket, 'base', 'PROTOCOL_VERSION', '--timeout', '1')
      expect(second).toMatchObject({ code: 1 })
      expect(second.stderr).toContain('is another front end connected?')
      await first.stop('SIGINT')
    }))
})
