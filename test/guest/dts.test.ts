/** Device tree source of the user's own: `scmi-lab boot --dts`. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { boot } from '../../qemu/boot/boot.js'
import { readGivenSource } from '../../qemu/device-tree/given-source.js'
import { KERNEL_LIMIT_MS, testKernel } from './kernel.js'
import { inFolder, runLab } from './lab-command.js'

/** A power domain that is inside another one, the name of the machine, a limit of the transport. */
const OVERLAY = `/dts-v1/;
/plugin/;

/ { compatible = "fsl,imx95", "linux,dummy-virt"; };
&scmi { arm,max-msg-size = <104>; };
&scmi_11 { power-domains = <&scmi_11 2>; power-domains-child-ids = <0>; };
&{/cpus/cpu@1} { capacity-dmips-mhz = <512>; };
`
const PLATFORM = `vendor: acme
clocks: [{ name: uart, rate: 24 MHz }]
power_domains: [{ name: npu }, { name: gpu }, { name: top, state: on }]
`

test(
  'the guest has it, and its kernel acts by it',
  () =>
    inFolder(async folder => {
      const [platform, overlay] = [join(folder, 'board.yaml'), join(folder, 'board.dtso')]
      writeFileSync(platform, PLATFORM)
      writeFileSync(overlay, OVERLAY)
      const guest = await boot({ kernel: await testKernel(), platform, dts: [readGivenSource(overlay)] })
      try {
        const words = (path: string) => guest.check(`tr '\\0' ' ' < /proc/device-tree/${path}`)
        const number = async (path: string) =>
          Number(`0x${(await guest.check(`od -An -v -tx1 /proc/device-tree/${path}`)).replaceAll(/\s/g, '')}`)
        expect(await words('compatible')).toBe('fsl,imx95 linux,dummy-virt ')
        expect(await number('firmware/scmi/arm,max-msg-size')).toBe(104)
        expect(await number('cpus/cpu@1/capacity-dmips-mhz')).toBe(512)
        expect(await guest.check('cat /sys/kernel/debug/pm_genpd/top/sub_domains')).toBe('npu\n')
      } finally {
        await guest.close()
      }
    }),
  KERNEL_LIMIT_MS,
)

/** With an empty cache: a kernel that was built first would take minutes. */
describe('a wrong file is one line with the place, and exit code 2, before a kernel is built', () => {
  const wrong = (text: string | undefined, ...more: string[]) =>
    inFolder(async folder => {
      const file = join(folder, 'board.dtso')
      if (text === '') mkdirSync(file)
      else if (text !== undefined) writeFileSync(file, text)
      const { code, stdout, stderr } = await runLab(['boot', ...more, '--dts', file], { XDG_CACHE_HOME: folder })
      return [code, stdout, stderr.replaceAll(`${folder}/`, '')]
    })
  const line = (problem: string) => [2, '', `scmi-lab: --dts board.dtso${problem}\n`]

  test.each([
    ['&scmi {\n  arm,max-msg-size = <104>\n};\n', ':3:1: syntax error'],
    ['\n&scmi_99 { };\n', ':2:1: Label or path scmi_99 not found'],
    [
      '&{/cpus/cpu@0} {\n  clocks = <&scmi_99 7>;\n};\n',
      ':1:16: /cpus/cpu@0: Reference to non-existent node or label "scmi_99"',
    ],
    ['/ { scmi_14: uart { }; };\n', ":1:19: /uart: Duplicate label 'scmi_14' on /uart and /firmware/scmi/protocol@14"],
    ['&scmi {\n', ':1:8: syntax error'],
  ])('%j', async (text, problem) => {
    expect(await wrong(text)).toEqual(line(problem))
  })

  test.each([
    [
      '/* a */\n  #include <dt-bindings/clock/x.h>\n',
      ':2: #include is not taken: write numbers and paths, all in this file',
    ],
    [
      '/ { a = "/include/"; };\n/include/ "b.dtsi"\n',
      ':2: /include/ is not taken: write numbers and paths, all in this file',
    ],
    ['/ { logo = /incbin/("logo"); };', ':1: /incbin/ is not taken: write numbers and paths, all in this file'],
    [undefined, ': there is no such file'],
    ['', ': is a folder; give a file'],
  ])('what dtc need not see: %j', async (text, problem) => {
    expect(await wrong(text)).toEqual(line(problem))
  })

  test('of several, the one with the problem is named', async () => {
    await inFolder(async folder => {
      const good = join(folder, 'good.dtso')
      writeFileSync(good, '/ { board; };\n')
      expect(await wrong('&none { };\n', '--dts', good)).toEqual(line(':1:1: Label or path none not found'))
    })
  })
})
