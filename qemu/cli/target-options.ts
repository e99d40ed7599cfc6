/** Options that several commands have about kernels and guests: `--arch`, `--llvm`, `--gdb`. The environment passes them on. */
import { type Command, Option } from 'commander'
import { wholeNumber } from '../../src/cli/arguments.js'
import { usesLlvm } from '../kernel/environment.js'
import { ARCHITECTURE_VARIABLE, ARCHITECTURES } from '../support/architectures.js'
import { findLlvm } from '../support/llvm.js'
import { findProgram, requireTools } from '../support/tools.js'

/** An option of a command that builds kernels or boots guests. */
export const archOption = (): Option =>
  new Option('--arch <name>', "the guest's architecture: arm64, or arm for 32 bits; default: arm64")
    .choices(Object.keys(ARCHITECTURES))
    .env(ARCHITECTURE_VARIABLE)

export const llvmOption = (): Option =>
  new Option(
    '--llvm',
    "build with clang and LLVM's linker, the newest that is installed; LLVM=… in the environment names another",
  )

const DEFAULT_PORT = 1234

export const gdbOption = (): Option =>
  new Option(
    '--gdb [port]',
    `have the guest wait for a debugger on this port, ${DEFAULT_PORT} by default; no limits of time`,
  )
    .argParser(wholeNumber(1, 65_535))
    .preset(String(DEFAULT_PORT))

/** Puts what the command was given into the environment, which builds, workers and child processes read. */
export function applyTarget(command: Command): void {
  const { arch, llvm } = command.opts<{ arch?: string; llvm?: boolean }>()
  if (arch !== undefined) process.env[ARCHITECTURE_VARIABLE] = arch
  if (!llvm || usesLlvm()) return
  requireTools('llvm')
  process.env.LLVM = findLlvm(findProgram)!
}
