/** `scmi-lab boot --agent`: a second guest joins a device that runs, as two terminals show it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { serve } from '../../src/server/serve.js'
import { KERNEL_LIMIT_MS, testKernel } from './kernel.js'
import { inFolder, LabCommand, runLab } from './lab-command.js'

vi.setConfig({ testTimeout: 240_000 })

/** The platform of qemu/README.md. */
const readme = readFileSync(join(import.meta.dirname, '../../qemu/README.md'), 'utf8')
const TWO = /```yaml\n(# two\.yaml\n[\s\S]*?)```/.exec(readme)![1]!
/** CLOCK_RATE_GET of a guest's first clock; BASE_SET_DEVICE_PERMISSIONS as README has it. */
const RATE_GET = 'scmi-raw 0x14 0x6 0'
const GRANT = /`(scmi-raw 0x10 0x9 [^`]*)`/.exec(readme)![1]!

let kernel: string
beforeAll(async () => {
  kernel = await testKernel()
}, KERNEL_LIMIT_MS)

const commands: LabCommand[] = []
afterEach(() => {
  for (const { child } of commands.splice(0)) child.kill()
})

function terminal(...args: string[]): LabCommand {
  const command = new LabCommand([...args, '--kernel', kernel, '--cpus', '1'], {}, 'terminal')
  commands.push(command)
  return command
}

const withTwo = (use: (path: (name: string) => string) => Promise<void>) =>
  inFolder(async folder => {
    const path = (name: string): string => join(folder, name)
    writeFileSync(path('two.yaml'), TWO)
    await use(path)
  })

test('two guests on one device: the second is denied its clock until the first grants it', () =>
  withTwo(async path => {
    const control = path('c')
    const host = terminal('boot', '--platform', path('two.yaml'), '--control', control)
    await host.heard(
      new RegExp(`this is the guest of agent host\\. For guest: .*boot --agent NAME --control ${control}`),
    )
    await host.heard(/guest:~# /)
    const guest = terminal('boot', '--agent', 'guest', '--control', control)
    await guest.heard(/guest:~# /)
    guest.type(`${RATE_GET}; echo first asked\n`)
    await guest.heard(/status -3 \(DENIED\)[\s\S]*first asked/)
    host.type(`${GRANT}\n`)
    await host.heard(/status 0 \(SUCCESS\)/)
    guest.type(`${RATE_GET}; echo asked again\n`)
    // 24 MHz: of its own clock 0, which is the platform's clock 1.
    await guest.heard(/status 0 \(SUCCESS\)\s+0x016e3600/)

    const third = await runLab(['boot', '--agent', 'guest', '--control', control, '--kernel', kernel])
    expect([third.code, third.stderr]).toEqual([
      2,
      'scmi-lab: --agent guest: it has a guest already; agents without a guest: none\n',
    ])
    guest.type('exit\n')
    expect(await guest.ended).toBe(0)
    // 1 GHz: the first guest goes on.
    host.type(`${RATE_GET}\n`)
    await host.heard(/0x3b9aca00/)
    host.type('exit\n')
    expect(await host.ended).toBe(0)
  }))

describe('joining without a guest', () => {
  const join = (...args: string[]) => runLab(['boot', '--agent', ...args, '--kernel', kernel])

  test('prints the command line with the socket of the agent, and the tree has what the agent sees', () =>
    withTwo(async path => {
      const endpoints = { host: { socketPath: path('h') }, guest: { socketPath: path('g') } }
      const server = await serve({ platform: path('two.yaml'), endpoints, open: { control: path('c') } })
      try {
        const { code, stdout, stderr } = await join('guest', '--control', path('c'), '--print-command')
        expect([code, stderr]).toEqual([0, ''])
        expect(stdout).toContain(`-chardev socket,id=scmi,path=${path('g')} -device vhost-user-scmi-pci,chardev=scmi`)
        const none = await join('nobody', '--control', path('c'))
        expect([none.code, none.stderr]).toEqual([
          2,
          'scmi-lab: --agent nobody: the device has no such agent; agents without a guest: host, guest\n',
        ])
      } finally {
        server.close()
      }
    }))

  test('a device that is not there, and options of the device', () =>
    withTwo(async path => {
      const none = await join('guest', '--control', path('none'))
      expect([none.code, none.stderr]).toEqual([
        2,
        expect.stringMatching(/^scmi-lab: there is no socket .*none; start /),
      ])
      const both = await join('guest', '--platform', path('two.yaml'))
      expect([both.code, both.stderr]).toEqual([
        2,
        expect.stringMatching(/'--agent <name>' cannot be used with .*--platform/),
      ])
    }))
})
