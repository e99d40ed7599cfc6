/** `scmi-lab kernel`. */

import type { Command } from 'commander'
import { PLAIN, variants } from '../kernel/config.js'
import { DEFAULT_KERNEL } from '../kernel/source.js'
import { count, repeatable } from './arguments.js'
import { archOption, llvmOption } from './target-options.js'

interface BuildArguments {
  explain: boolean
  source: string
  patch: string[]
  variant: string
  coverage: boolean
  config: string[]
  gdb: boolean
  jobs?: number
  update: boolean
  json: boolean
}

export function addKernelCommand(program: Command, signal: AbortSignal): void {
  const kernel = program.command('kernel').description('Kernels for the guest.')

  kernel
    .command('build')
    .description('Build an Image with all SCMI drivers, or find it in the cache; prints its path.')
    .option(
      '--source <7.3|7.2|6.12|path>',
      "a Debian kernel's version, or a source tree (never written to)",
      DEFAULT_KERNEL,
    )
    .addOption(repeatable('--patch <file>', 'apply a patch: a diff, or a mail as the list shows it', 'none'))
    .option('--variant <name>', `a kind of kernel: ${variants().join(', ')}`, PLAIN)
    .addOption(repeatable('--config <fragment>', 'merge a fragment of a configuration, the last one wins', 'none'))
    .addOption(archOption())
    .addOption(llvmOption())
    .option('--gdb', 'with debug information for a debugger: vmlinux lies beside the Image', false)
    .option('--coverage', 'count what runs in the SCMI drivers, with gcov', false)
    .option('-j, --jobs <n>', 'compile this many files at once; default: one per core', count)
    .option('--update', 'ask Debian for a newer version of the source package', false)
    .option('--explain', 'say what goes into the kernel, and why it is built or not; builds nothing', false)
    .option('--json', 'print path, configuration and lost options as JSON', false)
    .addHelpText(
      'after',
      `
Examples:
  scmi-lab kernel build
  scmi-lab kernel build --source 6.12 --patch handles.patch --patch v1.mbox
  scmi-lab kernel build --source ~/src/linux --config lockdep.config
      a second build of the same tree compiles what changed
  scmi-lab kernel build --llvm --arch arm                    32 bits, by clang
  scmi-lab boot --kernel "$(scmi-lab kernel build --source ~/src/linux)"`,
    )
    .action(async (options: BuildArguments) => {
      const { buildKernel, explainKernel } = await import('../kernel/build.js')
      const { source, patch, variant, config, gdb, coverage, jobs, update, explain: explains } = options
      const given = { source, patches: patch, variant, fragments: config, update, debugInfo: gdb, coverage }
      const request = { ...given, ...(jobs ? { jobs } : {}) }
      if (explains) {
        const explanation = await explainKernel(request, { signal })
        const { explanationText } = await import('../kernel/inputs.js')
        console.log(options.json ? JSON.stringify(explanation) : explanationText(explanation))
        return
      }
      const built = await buildKernel(request, { signal })
      console.log(options.json ? JSON.stringify(built) : built.image)
    })
}
