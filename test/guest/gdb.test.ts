/** `--gdb`: the guest waits for a debugger, which speaks to QEMU's server; then it boots. */
import { copyFileSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { KERNEL_LIMIT_MS, testKernel } from './kernel.js'
import { inFolder, LabCommand, runLab } from './lab-command.js'

const LIMIT_MS = 240_000
const PORT = 21_234
const scenarios = join(import.meta.dirname, '../lab/scenarios')
let plain: string

beforeAll(async () => {
  plain = await testKernel()
}, KERNEL_LIMIT_MS)

/** A packet of gdb's protocol: $TEXT#SUM. */
function packet(text: string): string {
  const sum = [...Buffer.from(text)].reduce((total, byte) => (total + byte) % 256, 0)
  return `$${text}#${sum.toString(16).padStart(2, '0')}`
}

/** Lets a guest run that waits for a debugger; resolves with what QEMU said about why it stands. */
function continueGuest(): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(PORT, '127.0.0.1', () => socket.write(packet('?')))
    let said = ''
    socket.on('error', reject).on('data', data => {
      said += data.toString()
      const [, why] = /\$([^#]*)#../.exec(said) ?? []
      if (why === undefined) return
      // Detaches: the guest goes on.
      socket.end(`+${packet('D')}`)
      resolve(why)
    })
  })
}

test(
  'the guest of a scenario waits, gdb’s line is printed, and the scenario passes once it goes on',
  () =>
    inFolder(async folder => {
      const kernel = join(folder, 'Image')
      copyFileSync(plain, kernel)
      writeFileSync(join(folder, 'vmlinux'), 'the name of a section: .debug_info')
      const words = ['run', 'own/works', '--gdb', String(PORT), '--kernel', kernel, '--scenarios', scenarios]
      const command = new LabCommand(words)
      await command.said(/own\/works .*: boot/)
      expect(command.stderr).toContain(`gdb-multiarch -ex 'target remote localhost:${PORT}' ${join(folder, 'vmlinux')}`)
      const why = await waitFor(continueGuest)
      // Stopped by SIGTRAP, before its first instruction.
      expect(why).toMatch(/^T05/)
      expect(await command.ended, command.stdout).toBe(0)
      expect(command.stdout).toMatch(/^ok +own\/works /m)
    }),
  LIMIT_MS,
)

/** QEMU's server is not there at once. */
async function waitFor(connect: () => Promise<string>): Promise<string> {
  for (const end = Date.now() + 60_000; ; ) {
    try {
      return await connect()
    } catch (error) {
      if (Date.now() > end) throw error
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }
}

test('without debug information it says how to get some', async () => {
  const { code, stderr } = await runLab(['boot', '--kernel', plain, '--gdb'])
  expect(stderr).toContain(`--gdb: there is no vmlinux with debug information beside ${plain}`)
  expect(stderr).toContain('"scmi-lab kernel build --gdb"')
  expect(code).toBe(2)
})

test.each([
  [['boot', '--gdb', 'port'], "argument 'port' is invalid"],
  [['run', 'ci', '--gdb'], '--gdb goes with one scenario and one kernel'],
])('%j is refused', async (words, problem) => {
  const { code, stderr } = await runLab(words)
  expect(stderr).toContain(problem)
  expect(code).toBe(2)
})
