/** `scmi-lab boot` and `scmi-lab demo`. */

import { type Command, Option } from 'commander'
import { faultsOption } from '../../src/cli/faults-option.js'
import { controlOption, httpOption, metricsOption, type OpenOptions } from '../../src/cli/open-options.js'
import { presetNames } from '../../src/platform/file/presets.js'
import type { BootOptions } from '../boot/boot.js'
import { DEFAULT_KERNEL } from '../kernel/source.js'
import { count, repeatable, size } from './arguments.js'
import { archOption, gdbOption, llvmOption } from './target-options.js'

interface BootArguments extends OpenOptions {
  agent?: string
  faults?: string
  kernel: string
  platform: string
  memory: string
  cpus: number
  append: string[]
  dts: string[]
  debug: boolean
  trace?: string
  gdb?: number
  printCommand: boolean
  json: boolean
}

export function addBootCommand(program: Command, signal: AbortSignal): void {
  program
    .command('boot')
    .description('Start the device and a guest, with a shell on this terminal. Leave with "exit" or Ctrl-A X.')
    .option('--kernel <image|version>', 'an Image, or a version that is built if need be', DEFAULT_KERNEL)
    .option(
      '--platform <file|preset>',
      `the platform to serve: a YAML file, or a preset (${presetNames().join(', ')})`,
      'demo',
    )
    .addOption(
      new Option(
        '--agent <name>',
        "be this agent's guest on a device that runs already, which --control finds: a vhost-user-scmi or scmi-lab boot with --control",
      ).conflicts(['platform', 'trace', 'faults', 'http', 'metrics']),
    )
    .option('--memory <size>', "the guest's memory: 256M, 1G", size, '256M')
    .option('--cpus <n>', "the guest's CPUs", count, 2)
    .addOption(repeatable('--append <words>', "words for the kernel's command line", 'none'))
    .addOption(repeatable('--dts <file>', "overlay source to merge into the guest's device tree", 'none'))
    .option('--debug', "show the SCMI drivers' debug messages", false)
    .addOption(gdbOption())
    .addOption(archOption())
    .addOption(llvmOption())
    .addOption(faultsOption)
    .option('--trace <file>', "record the device's messages and the kernel's SCMI events, for `vhost-user-scmi trace`")
    .addOption(controlOption)
    .addOption(httpOption)
    .addOption(metricsOption)
    .option('--print-command', "print QEMU's command line instead of booting", false)
    .option('--json', 'with --print-command: print the words of both command lines as JSON', false)
    .argument('[qemu-args...]', 'after --: further arguments for QEMU')
    .addHelpText(
      'after',
      `
Examples:
  scmi-lab boot
  scmi-lab boot --platform board.yaml --debug
  scmi-lab boot --platform imx95 --dts board.dtso
  scmi-lab boot --gdb                           wait for a debugger; builds a kernel with debug information
  scmi-lab boot --append "initcall_debug oops=panic"
  scmi-lab boot --faults rules.yaml             with firmware that misbehaves from the first message on
  scmi-lab boot --trace boot.pftrace            both sides on one time line: open it at ui.perfetto.dev
  scmi-lab boot --http 8080 --control           look into the device on a page, or from another shell with vhost-user-scmi ctl
  scmi-lab boot --platform two.yaml --control   a platform with two agents, and the first one's guest; in another terminal:
  scmi-lab boot --agent second                  the second agent's guest, on the same device
In the guest: "scmi-raw -h" sends SCMI messages by hand.
--dts takes source without a preprocessor: / { compatible = "fsl,imx95"; }; &scmi { arm,max-msg-size = <104>; }; A protocol's node
has the label scmi_ID, with its id in hexadecimal (&scmi_14); others are found by path (&{/cpus/cpu@0}).`,
    )
    .action(async (qemuArguments: string[], options: BootArguments) => {
      const { bootFromArguments } = await import('../boot/commands.js')
      const { readGivenSource } = await import('../device-tree/given-source.js')
      const { platform, memory, cpus, append, debug, trace, faults, gdb } = options
      const settings: Omit<BootOptions, 'kernel'> = {
        ...(trace === undefined ? {} : { trace }),
        ...(gdb === undefined ? {} : { gdb }),
        ...(faults === undefined ? {} : { device: { faults } }),
        platform,
        memory,
        cpus,
        append,
        dts: options.dts.map(readGivenSource),
        driverDebug: debug,
        qemuArguments,
        signal,
      }
      await bootFromArguments(options.kernel, settings, options)
    })
}

export function addDemoCommand(program: Command, signal: AbortSignal): void {
  program
    .command('demo')
    .description(
      'Boot a guest on the demo platform and show what both sides see: clocks, sensors, a change, a notification.',
    )
    .action(async () => {
      const { demo } = await import('../boot/demo.js')
      await demo({ signal })
    })
}
