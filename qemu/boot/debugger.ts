/** What a user needs to attach a debugger to a guest: vmlinux with debug information, and the line that starts gdb. */
import { debuggable } from '../kernel/image-file.js'
import { target } from '../support/architectures.js'
import { LabError } from '../support/errors.js'
import { shellLine } from '../support/process.js'
import { findProgram } from '../support/tools.js'

/** Prints the line. Throws LabError if there is no debug information. */
export function tellDebugger(image: string, port: number): void {
  const vmlinux = debuggable(image)
  if (!vmlinux) {
    throw new LabError(
      `--gdb: there is no vmlinux with debug information beside ${image}; name a version or a tree, or make both with "scmi-lab kernel build --gdb"`,
    )
  }
  const isNative = target().name === process.arch
  const gdb = isNative && !findProgram('gdb-multiarch') ? 'gdb' : 'gdb-multiarch'
  const hint = findProgram(gdb) ? '' : ` ("scmi-lab setup --with gdb" installs it)`
  console.error(
    [
      `the guest waits for a debugger on port ${port}, and nothing has a limit of time. In another terminal${hint}:`,
      `  ${shellLine([gdb, '-ex', `target remote localhost:${port}`, vmlinux])}`,
      'There, "hbreak scmi_probe" stops where SCMI is probed, and "continue" starts the guest.',
    ].join('\n'),
  )
}
