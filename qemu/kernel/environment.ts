/**
 * The environment of a kernel build, so that it depends only on its inputs. Variables that users set to change the result
 * are inputs, and part of the cache's key; those that programs need to run are passed on; all others are removed.
 */
import { spawnSync } from 'node:child_process'
import { compilerVersion } from '../guest/image.js'
import { target } from '../support/architectures.js'
import { LabError } from '../support/errors.js'
import { crossPrefix } from '../support/tools.js'

/** Kbuild's variables for users (Documentation/kbuild/kbuild.rst, llvm.rst) that change what is built. */
const INPUTS = ['KAFLAGS', 'KCFLAGS', 'KCPPFLAGS', 'KRUSTFLAGS', 'LLVM', 'LLVM_IAS', 'LOCALVERSION']
const PASSED_ON = /^(?:PATH|HOME|USER|LOGNAME|SHELL|TERM|TMPDIR|LD_LIBRARY_PATH|CCACHE_\w+|SCMI_LAB_\w+)$/

/** The variables of a build that are its inputs, as NAME=value, in alphabetical order. ARCH is one unless it is arm64. */
export function buildVariables(env: NodeJS.ProcessEnv = process.env): string[] {
  const { name } = target()
  const arch = name === 'arm64' ? [] : [`ARCH=${name}`]
  return [...arch, ...INPUTS.flatMap(name => (env[name] ? [`${name}=${env[name]}`] : []))]
}

/** Whether a build is one with LLVM. */
export const usesLlvm = ({ LLVM: llvm }: NodeJS.ProcessEnv = process.env): boolean =>
  llvm !== undefined && !['', '0'].includes(llvm)

/** The compiler that a build uses, with its version. Throws LabError if LLVM asks for one that is not there. */
export function compilerOf(env: NodeJS.ProcessEnv = process.env): string {
  if (!usesLlvm(env)) return compilerVersion()
  const llvm = env.LLVM!
  // LLVM=1 is clang of PATH; LLVM=/path/ and LLVM=-15 are a prefix and a suffix.
  const clang = llvm.endsWith('/') ? `${llvm}clang` : llvm.startsWith('-') ? `clang${llvm}` : 'clang'
  const { stdout, error } = spawnSync(clang, ['--version'], { encoding: 'utf8' })
  if (error) throw new LabError(`LLVM=${llvm}: there is no ${clang}; "scmi-lab setup --with llvm" installs one`)
  return stdout.split('\n')[0]!
}

/** make's environment: fixed names and times, and no variables of an outer make. */
export function buildEnvironment(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const passedOn = Object.entries(env).filter(([name]) => PASSED_ON.test(name) || INPUTS.includes(name))
  return {
    ...Object.fromEntries(passedOn),
    ARCH: target().name,
    CROSS_COMPILE: crossPrefix(),
    LC_ALL: 'C.UTF-8',
    KBUILD_BUILD_USER: 'scmi-lab',
    KBUILD_BUILD_HOST: 'scmi-lab',
    KBUILD_BUILD_VERSION: '1',
    KBUILD_BUILD_TIMESTAMP: 'Thu Jan 1 00:00:00 UTC 1970',
  }
}
