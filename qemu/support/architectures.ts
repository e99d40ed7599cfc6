/** The architectures of guests: what differs between arm64 and 32-bit arm. `--arch` chooses one for the whole process. */
import { LabError } from './errors.js'

export interface Architecture {
  /** Kbuild's name, and the one of `--arch`. */
  name: 'arm64' | 'arm'
  /** Debian's name. */
  debian: string
  /** QEMU's program for these guests. */
  qemu: string
  /** QEMU's machine, and its interrupt controller. */
  machine: string
  gic: string
  /** The processor that is emulated. */
  cpu: string
  /** The kernel that QEMU boots: its name for make, in arch/NAME/boot. */
  image: string
  /** Of programs: bytes 4 and 18 of the ELF header. */
  elfClass: number
  elfMachine: number
  /** Prefixes of cross compilers, Debian's first. */
  prefixes: readonly string[]
  /** Folder of the cross compiler's C library. */
  sysroot: string
  /** Debian's packages of the cross compiler, its C library, and the kernel's headers. */
  packages: readonly [compiler: string, libc: string, headers: string]
}

export const ARCHITECTURES: Record<Architecture['name'], Architecture> = {
  arm64: {
    name: 'arm64',
    debian: 'arm64',
    qemu: 'qemu-system-aarch64',
    machine: 'virt',
    gic: '3',
    cpu: 'cortex-a57',
    image: 'Image',
    elfClass: 2,
    elfMachine: 183,
    // openSUSE calls its cross compiler by its own name.
    prefixes: ['aarch64-linux-gnu-', 'aarch64-suse-linux-'],
    sysroot: '/usr/aarch64-linux-gnu',
    packages: ['gcc-aarch64-linux-gnu', 'libc6-dev-arm64-cross', 'linux-libc-dev-arm64-cross'],
  },
  arm: {
    name: 'arm',
    debian: 'armhf',
    qemu: 'qemu-system-arm',
    // Without LPAE the kernel does not reach what QEMU puts above 4 GiB: the PCI configuration space.
    machine: 'virt,highmem=off',
    gic: '2',
    cpu: 'cortex-a15',
    image: 'zImage',
    elfClass: 1,
    elfMachine: 40,
    prefixes: ['arm-linux-gnueabihf-'],
    sysroot: '/usr/arm-linux-gnueabihf',
    packages: ['gcc-arm-linux-gnueabihf', 'libc6-dev-armhf-cross', 'linux-libc-dev-armhf-cross'],
  },
}

/** Environment variable with the architecture that the user chose: `--arch`. Child processes inherit it. */
export const ARCHITECTURE_VARIABLE = 'SCMI_LAB_ARCH'

/** The guest's architecture. */
export function target(): Architecture {
  const name = process.env[ARCHITECTURE_VARIABLE] || 'arm64'
  const found = Object.hasOwn(ARCHITECTURES, name) ? ARCHITECTURES[name as Architecture['name']] : undefined
  if (found) return found
  throw new LabError(`${ARCHITECTURE_VARIABLE} is ${name}; it can be ${Object.keys(ARCHITECTURES).join(' or ')}`)
}

/** Magic numbers of kernels, with their offsets: Documentation/arch/arm64/booting.rst, arch/arm/boot/compressed/head.S. */
const ARM64_MAGIC = { at: 56, is: 0x644d5241 }
const ZIMAGE_MAGIC = { at: 36, is: 0x016f2818 }

/** The architecture of an unpacked Image, by its header; undefined if it has none of these. */
export function architectureOf(image: Buffer): Architecture['name'] | undefined {
  const has = ({ at, is }: { at: number; is: number }): boolean =>
    image.length >= at + 4 && image.readUInt32LE(at) === is
  return has(ARM64_MAGIC) ? 'arm64' : has(ZIMAGE_MAGIC) ? 'arm' : undefined
}
