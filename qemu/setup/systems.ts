/**
 * Package names of systems without apt, for the message of `scmi-lab setup`. The names are from those systems' package sources
 * and from what others install on them; none was tried.
 */

/** A family of systems with the same package names. */
type System = 'fedora' | 'arch' | 'suse'

interface Packages {
  command: string
  /** Names that differ from Debian's; '': not needed, or part of another package. */
  names: Record<string, string>
}

const SYSTEMS: Record<System, Packages> = {
  fedora: {
    command: 'dnf install',
    names: {
      'qemu-system-arm': 'qemu-system-aarch64',
      // glibc.spec, sysroot_package_arch: libc.a and the kernel's headers, too.
      'libc6-dev-arm64-cross': 'sysroot-aarch64-fc$(rpm -E %fedora)-glibc',
      'linux-libc-dev-arm64-cross': '',
      'device-tree-compiler': 'dtc',
      'libc6-dev': 'glibc-devel glibc-static',
      'linux-libc-dev': 'kernel-headers',
      'libelf-dev': 'elfutils-libelf-devel',
      'libssl-dev': 'openssl-devel',
      'xz-utils': 'xz',
      'clang-19': 'clang',
      'lld-19': 'lld',
      'llvm-19': 'llvm',
      'gdb-multiarch': 'gdb',
    },
  },
  arch: {
    command: 'pacman -S',
    names: {
      'qemu-system-arm': 'qemu-system-aarch64',
      'gcc-aarch64-linux-gnu': 'aarch64-linux-gnu-gcc',
      'libc6-dev-arm64-cross': 'aarch64-linux-gnu-glibc',
      'linux-libc-dev-arm64-cross': 'aarch64-linux-gnu-linux-api-headers',
      'device-tree-compiler': 'dtc',
      'libc6-dev': 'glibc',
      'linux-libc-dev': 'linux-api-headers',
      'libelf-dev': 'libelf',
      'libssl-dev': 'openssl',
      python3: 'python',
      'xz-utils': 'xz',
      'clang-19': 'clang',
      'lld-19': 'lld',
      'llvm-19': 'llvm',
      'gdb-multiarch': 'gdb',
    },
  },
  suse: {
    command: 'zypper install',
    names: {
      'qemu-system-arm': 'qemu-arm',
      'gcc-aarch64-linux-gnu': 'cross-aarch64-gcc14',
      // glibc.spec: the whole sysroot, with libc.a.
      'libc6-dev-arm64-cross': 'cross-aarch64-glibc-devel',
      'linux-libc-dev-arm64-cross': 'cross-aarch64-linux-glibc-devel',
      'device-tree-compiler': 'dtc',
      'libc6-dev': 'glibc-devel-static',
      'linux-libc-dev': 'linux-glibc-devel',
      'libelf-dev': 'libelf-devel',
      'libssl-dev': 'libopenssl-devel',
      'xz-utils': 'xz',
      'clang-19': 'clang',
      'lld-19': 'lld',
      'llvm-19': 'llvm',
      'gdb-multiarch': 'gdb',
    },
  },
}

const FAMILIES: Record<string, System> = {
  fedora: 'fedora',
  rhel: 'fedora',
  centos: 'fedora',
  arch: 'arch',
  suse: 'suse',
  opensuse: 'suse',
}

/** The family of the system that /etc/os-release describes, or undefined. */
export function systemOf(osRelease: string): System | undefined {
  const words = /^ID(?:_LIKE)?=(.*)$/gm
  const names = [...osRelease.matchAll(words)].flatMap(([, text]) => text!.replaceAll(/["']/g, '').split(/\s+/))
  return names.map(name => FAMILIES[name.split('-', 1)[0]!]).find(Boolean)
}

/** The line that installs Debian's packages by another system's names; for an unknown system it has Debian's names. */
export function installLine(system: System | undefined, packages: readonly string[]): string {
  if (!system) return `install by other means what Debian calls ${packages.join(' ')}`
  const { command, names } = SYSTEMS[system]
  const own = packages.map(name => names[name] ?? name).filter(Boolean)
  return `install by hand: ${command} ${[...new Set(own)].join(' ')}`
}
