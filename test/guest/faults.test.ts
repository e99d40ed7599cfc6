/** A guest on firmware that misbehaves from the first message on: `faults` of the platform file, and --faults of the lab. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { boot } from '../../qemu/boot/boot.js'
import { KERNEL_LIMIT_MS, testKernel } from './kernel.js'
import { inFolder, LabCommand, runLab } from './lab-command.js'

const LIMIT_MS = 240_000

/** The first message of a guest is late; two of four clocks are refused; both from the first message on. */
const BOARD = `
vendor: acme
clocks: [{ repeat: 4, name: "clk_{i}", rate: 24 MHz }]
faults:
  - { protocol: base, message: PROTOCOL_VERSION, delay: 100 ms, times: 1 }
  - { message: CLOCK_ATTRIBUTES, where: { clock_id: 1..2 }, status: NOT_SUPPORTED }
`
/** Firmware that does not answer the first message, and tells another vendor. */
const RULES = `
faults:
  - { protocol: base, message: PROTOCOL_VERSION, status: BUSY, times: 1 }
  - { message: BASE_DISCOVER_VENDOR, fields: { vendor_identifier: fault } }
`

let kernel: string
beforeAll(async () => {
  kernel = await testKernel()
}, KERNEL_LIMIT_MS)

test(
  'rules of the platform file hit the first message, and a range of clocks',
  () =>
    inFolder(async folder => {
      const platform = join(folder, 'board.yaml')
      writeFileSync(platform, BOARD)
      const guest = await boot({ kernel, platform })
      try {
        const [late, refused] = guest.server!.faults.list()
        expect(late).toMatchObject({ hits: 1, active: false })
        // Each of the two is asked for at least once.
        expect(refused!.hits).toBeGreaterThanOrEqual(2)
        expect((await guest.check('ls /sys/kernel/debug/clk')).match(/clk_\d/g)).toEqual(['clk_0', 'clk_3'])
      } finally {
        await guest.close()
      }
    }),
  LIMIT_MS,
)

test(
  'scmi-lab boot --faults: the rules are told, and the first message is refused',
  () =>
    inFolder(async folder => {
      const faults = join(folder, 'rules.yaml')
      writeFileSync(faults, RULES)
      const command = new LabCommand(['boot', '--kernel', kernel, '--faults', faults], {}, 'terminal')
      try {
        await command.heard(/scmi-lab: fault rules: 2 of \S+rules\.yaml/)
        await command.heard(/guest:~# /)
        command.type(
          'dmesg | grep -iE "scmi.*(version|communicate)"; cat /sys/bus/platform/drivers/arm-scmi/*/vendor_id\n',
        )
        await command.heard(/Failed to query supported version|unable to communicate with SCMI/)
        await command.heard(/^fault\r?$/m)
        command.type('exit\n')
        expect(await command.ended).toBe(0)
      } finally {
        command.child.kill()
      }
    }),
  LIMIT_MS,
)

test(
  'scmi-lab run --faults: a scenario meets the rules, and the line that repeats it has them',
  () =>
    inFolder(async folder => {
      const faults = join(folder, 'rules.yaml')
      writeFileSync(faults, RULES.replace(/.*PROTOCOL_VERSION.*\n/, ''))
      const args = ['run', 'probe/at-boot', '--kernel', kernel, '--faults', faults]
      const { code, stdout, stderr } = await runLab(args, {}, LIMIT_MS)
      expect(code).toBe(1)
      expect(stderr).toContain(`fault rules: 1 of ${faults}, in every scenario`)
      expect(stdout).toContain("got 'fault', wanted 'vhost-user-scmi'")
      expect(stdout).toContain(`--faults ${faults} --shell`)
    }),
  LIMIT_MS,
)
