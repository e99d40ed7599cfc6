/** LLVM for kernels: which of the installed ones builds Linux. `--llvm` chooses it for the whole process. */
import { spawnSync } from 'node:child_process'

/** What Linux 7.3 needs (scripts/min-tool-version.sh). */
export const LLVM_MIN = 17
/** Releases that are looked for by name, newest first; a distribution's default is first of all. */
const LLVM_MAX = 40
/** Programs that a build with LLVM runs (Documentation/kbuild/llvm.rst), as far as Debian has packages for them. */
const PROGRAMS = ['clang', 'ld.lld', 'llvm-ar', 'llvm-nm', 'llvm-objcopy']

/** The value of Kbuild's variable LLVM for the installed LLVM: 1, or the suffix of a release; undefined if there is none. */
export function findLlvm(
  find: (name: string) => string | undefined,
  versionOf: (path: string) => number = clangVersion,
): string | undefined {
  const releases = Array.from({ length: LLVM_MAX - LLVM_MIN + 1 }, (_, index) => `-${LLVM_MAX - index}`)
  const suffix = ['', ...releases].find(
    suffix => PROGRAMS.every(name => find(`${name}${suffix}`)) && versionOf(find(`clang${suffix}`)!) >= LLVM_MIN,
  )
  return suffix === '' ? '1' : suffix
}

function clangVersion(path: string): number {
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 10_000 })
  return Number(/version (\d+)\./.exec(stdout ?? '')?.[1] ?? 0)
}
