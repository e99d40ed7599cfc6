/** `scmi-lab bench`. */
import { type Command, Option } from 'commander'
import { named, wholeNumber, wholeNumbers } from '../../src/cli/arguments.js'
import { WORKLOADS, type Workload } from '../bench/workloads.js'
import { DEFAULT_KERNEL } from '../kernel/source.js'
import { count } from './arguments.js'

interface BenchArguments {
  load: readonly Workload[]
  processes: readonly number[]
  seconds: number
  kernel: string
  platform: string
  cpus: number
  backend?: string
  json: boolean
}

export function addBenchCommand(program: Command, signal: AbortSignal): void {
  program
    .command('bench')
    .description(
      'Measure messages per second and latency as processes in a guest see them, and the part spent in the device.',
    )
    .addOption(
      new Option(
        '--load <list>',
        'what is read: hwmon (sensor readings), clock (rates), raw (messages past the drivers)',
      )
        .argParser(named(WORKLOADS))
        .default(WORKLOADS, WORKLOADS.join()),
    )
    .addOption(
      new Option('--processes <list>', 'guest processes that read at the same time, 1 to 8')
        .argParser(wholeNumbers(1, 8))
        .default([1, 2, 4, 8], '1,2,4,8'),
    )
    .addOption(new Option('--seconds <n>', 'duration of each measurement').argParser(wholeNumber(1, 3600)).default(2))
    .option('--kernel <image|version>', 'an Image, or a version that is built if need be', DEFAULT_KERNEL)
    .option('--platform <file|preset>', 'the platform to serve: a YAML file, or a preset', 'demo')
    .option('--cpus <n>', "the guest's CPUs", count, 2)
    .option(
      '--backend <command>',
      'measure another back end: a shell command that listens on {socket} and serves that platform',
    )
    .option('--json', 'print the result as JSON', false)
    .addHelpText(
      'after',
      `
Examples:
  scmi-lab bench
  scmi-lab bench --load hwmon --processes 1,8 --seconds 10
  scmi-lab bench --backend "vhost-device-scmi --socket-path {socket} --device fake,name=temp" --load hwmon,raw
  scmi-lab bench --json > before.json

Columns: MEAN is the mean latency that a process in the guest sees. IN THE DEVICE is the part from taking the request from
the ring to publishing the reply; GUEST AND QEMU is the rest. CPU is CPU time per message; QEMU's includes the processors
that it emulates. Of another back end only the CPU time is known.
Exit codes: 0 done, 1 failed, 2 wrong option, file or missing tool, 130 interrupted.`,
    )
    .action(async ({ load, backend, json, ...options }: BenchArguments) => {
      const [{ labBench }, { benchLines }] = await Promise.all([import('../bench/run.js'), import('../bench/text.js')])
      const result = await labBench({ ...options, workloads: load, backEnd: backend, signal })
      console.log(json ? JSON.stringify(result, undefined, 2) : benchLines(result).join('\n'))
    })
}
