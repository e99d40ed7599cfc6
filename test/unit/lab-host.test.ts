/** The lab on other hosts: arm64, and systems without apt. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { dataOf, entryOf } from '../../qemu/setup/mirror.js'
import { installLine, systemOf } from '../../qemu/setup/systems.js'
import { ARCHITECTURES, architectureOf, target } from '../../qemu/support/architectures.js'
import { chooseProcessors, guestTools } from '../../qemu/support/host.js'
import { findLlvm } from '../../qemu/support/llvm.js'

describe('processors of the guest', () => {
  const emulated = { gic: '3', cpu: 'cortex-a57', acceleration: [], text: 'emulated cortex-a57 (TCG)' }
  const hosts = { gic: 'host', cpu: 'host', acceleration: ['-accel', 'kvm'], text: "the host's own (KVM)" }
  const works = (): undefined => undefined
  const fails = (): string => 'no access to /dev/kvm'
  const refuse = (): never => {
    throw new Error('asked')
  }

  test('are the host’s own on arm64, if KVM makes a guest; else it is told why not', () => {
    expect(chooseProcessors('arm64', undefined, works)).toEqual(hosts)
    const text = 'emulated cortex-a57 (TCG), because no access to /dev/kvm'
    expect(chooseProcessors('arm64', undefined, fails)).toEqual({ ...emulated, text })
  })

  test('are emulated on any other host, without trying KVM', () => {
    expect(chooseProcessors('x64', undefined, refuse)).toEqual(emulated)
  })

  test('are those that --accel names, or it is refused', () => {
    expect(chooseProcessors('arm64', 'kvm', works)).toEqual(hosts)
    expect(chooseProcessors('arm64', 'tcg', refuse)).toEqual(emulated)
    expect(() => chooseProcessors('arm64', 'kvm', fails)).toThrow('--accel kvm: no access to /dev/kvm')
    expect(() => chooseProcessors('x64', 'kvm', refuse)).toThrow(
      'KVM runs arm64 guests on arm64 hosts only, and this is x64',
    )
    expect(() => chooseProcessors('x64', 'hvf', refuse)).toThrow('SCMI_LAB_ACCEL is hvf; it can be kvm or tcg')
  })

  test('with 32 bits are emulated on any host', () => {
    const { arm } = ARCHITECTURES
    const text = 'emulated cortex-a15 (TCG)'
    expect(chooseProcessors('arm64', undefined, refuse, arm)).toEqual({
      gic: '2',
      cpu: 'cortex-a15',
      acceleration: [],
      text,
    })
    expect(() => chooseProcessors('arm64', 'kvm', refuse, arm)).toThrow(
      'KVM runs arm64 guests on arm64 hosts only, and this guest is arm',
    )
  })

  /** QEMU's command line on an arm64 host with this QEMU. */
  async function lineOn(qemu: string): Promise<{ words: string[]; text: string }> {
    const folder = mkdtempSync(join(tmpdir(), 'scmi-lab-host-'))
    const { arch } = process
    vi.stubEnv('PATH', `${folder}:${process.env.PATH}`)
    vi.resetModules()
    try {
      writeFileSync(join(folder, 'qemu-system-aarch64'), `#!/bin/sh\n${qemu}\n`, { mode: 0o755 })
      Object.defineProperty(process, 'arch', { value: 'arm64' })
      const { baseArguments, processorsText } = await import('../../qemu/machine/machine.js')
      return { words: baseArguments({ memory: '256M', cpus: 2 }), text: processorsText() }
    } finally {
      Object.defineProperty(process, 'arch', { value: arch })
      vi.unstubAllEnvs()
      rmSync(folder, { recursive: true })
    }
  }

  test('are asked of QEMU on an arm64 host, and are in its command line', async () => {
    const asks = 'case "$*" in *gic-version=host,dumpdtb=*"-cpu host -accel kvm"*) exit 0;; esac; exit 9'
    const { words, text } = await lineOn(asks)
    expect(words.join(' ')).toContain('-machine virt,gic-version=host,memory-backend=mem -cpu host -smp 2 -accel kvm')
    expect(text).toBe("the host's own (KVM)")
  })

  test('say what QEMU said when it could not', async () => {
    const { words, text } = await lineOn('echo "Could not access KVM kernel module: Permission denied" >&2; exit 1')
    expect(words.join(' ')).toContain('-machine virt,gic-version=3,memory-backend=mem -cpu cortex-a57 -smp 2 -m')
    expect(text).toMatch(/^emulated .* because QEMU makes no guest with KVM: Could not access KVM kernel module: Perm/)
  })
})

describe('the compiler for the guest', () => {
  const none = { has: () => false, list: () => [] }

  test('is the own one of an arm64 host, and a cross compiler on others', () => {
    const [own, cross] = ['arm64', 'x64'].map(arch => guestTools({ arch, ...none }))
    expect([own!.prefix, own!.compiler.command, own!.libc.package]).toEqual(['', 'gcc', 'libc6-dev'])
    expect([cross!.prefix, cross!.compiler.command]).toEqual(['aarch64-linux-gnu-', 'aarch64-linux-gnu-gcc'])
    expect(cross!.headers.package).toBe('linux-libc-dev-arm64-cross')
  })

  test('has another name on openSUSE', () => {
    const has = (name: string): boolean => name === 'aarch64-suse-linux-gcc'
    expect(guestTools({ arch: 'x64', ...none, has }).prefix).toBe('aarch64-suse-linux-')
  })

  test('is told where the C library is on Fedora, to check it and to build', () => {
    const root = '/usr/aarch64-redhat-linux/sys-root'
    const folders: Record<string, string[]> = {
      [root]: ['fc9', 'fc43', 'fc44'],
      [`${root}/fc9/usr`]: ['include', 'lib'],
      [`${root}/fc43/usr`]: ['include', 'lib'],
      // What is left of one that was removed.
      [`${root}/fc44/usr`]: ['lib'],
    }
    const list = (folder: string): string[] => folders[folder] ?? []
    const { sysroot, libc, headers } = guestTools({ arch: 'x64', ...none, list })
    expect(sysroot).toEqual(['--sysroot=/usr/aarch64-redhat-linux/sys-root/fc43'])
    for (const { probe } of [libc, headers]) expect(probe).toContain(sysroot[0])
    expect(guestTools({ arch: 'arm64', ...none, list }).sysroot).toEqual([])
  })
})

describe('a guest with 32 bits', () => {
  test('has its own compiler, QEMU and machine', async () => {
    vi.stubEnv('SCMI_LAB_ARCH', 'arm')
    try {
      const { qemuLine } = await import('../../qemu/machine/machine.js')
      const { crossPrefix } = await import('../../qemu/support/tools.js')
      const files = { kernel: 'zImage', initramfs: 'i.cpio', append: [], console: 'pipe' as const, scmi: [], extra: [] }
      const words = qemuLine({ memory: '256M', cpus: 2, ...files, gdb: 1234 }).join(' ')
      expect(words).toMatch(
        /^qemu-system-arm -machine virt,highmem=off,gic-version=2,memory-backend=mem -cpu cortex-a15 /,
      )
      expect(words).toContain(' -gdb tcp:127.0.0.1:1234 -S')
      expect(crossPrefix()).toBe('arm-linux-gnueabihf-')
    } finally {
      vi.unstubAllEnvs()
    }
  })

  test('is chosen by a name that exists', () => {
    vi.stubEnv('SCMI_LAB_ARCH', 'riscv')
    try {
      expect(target).toThrow('SCMI_LAB_ARCH is riscv; it can be arm64 or arm')
    } finally {
      vi.unstubAllEnvs()
    }
  })

  test('has a cross compiler of its own, with its packages', () => {
    const { prefix, libc, compiler } = guestTools(
      { arch: 'arm64', has: () => false, list: () => [] },
      ARCHITECTURES.arm,
    )
    expect(prefix).toBe('arm-linux-gnueabihf-')
    expect([compiler.package, libc.package]).toEqual(['gcc-arm-linux-gnueabihf', 'libc6-dev-armhf-cross'])
  })

  test('has a kernel that is told from one for arm64 by its header', () => {
    const image = (at: number, magic: number): Buffer => {
      const bytes = Buffer.alloc(64)
      bytes.writeUInt32LE(magic, at)
      return bytes
    }
    expect(architectureOf(image(56, 0x644d5241))).toBe('arm64')
    expect(architectureOf(image(36, 0x016f2818))).toBe('arm')
    expect(architectureOf(image(0, 0))).toBeUndefined()
    expect(architectureOf(Buffer.from('MZ'))).toBeUndefined()
  })
})

describe('LLVM', () => {
  /** Programs in PATH, and the release of each clang. */
  const found = (programs: string[], releases: Record<string, number>) =>
    findLlvm(
      name => (programs.includes(name) ? `/usr/bin/${name}` : undefined),
      path => releases[path.slice('/usr/bin/'.length)] ?? 0,
    )
  const all = (suffix: string): string[] =>
    ['clang', 'ld.lld', 'llvm-ar', 'llvm-nm', 'llvm-objcopy'].map(name => `${name}${suffix}`)

  test('is the default one, if it is new enough, else the newest with all its programs', () => {
    expect(found(all(''), { clang: 19 })).toBe('1')
    expect(found([...all(''), ...all('-17'), ...all('-19')], { clang: 14, 'clang-17': 17, 'clang-19': 19 })).toBe('-19')
    expect(found([...all('-17'), 'clang-19'], { 'clang-17': 17, 'clang-19': 19 })).toBe('-17')
    expect(found(all(''), { clang: 14 })).toBeUndefined()
  })
})

describe('a system without apt', () => {
  test.each([
    ['ID=fedora\nVERSION_ID=42\n', 'fedora'],
    ['NAME="Rocky Linux"\nID="rocky"\nID_LIKE="rhel centos fedora"\n', 'fedora'],
    ['ID=arch\n', 'arch'],
    ['ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\n', 'suse'],
    ['ID=alpine\n', undefined],
    ['', undefined],
  ])('%j is %s', (release, system) => expect(systemOf(release)).toBe(system))

  test('gets its own package names', () => {
    const wanted = ['qemu-system-arm', 'gcc-aarch64-linux-gnu', 'libelf-dev', 'bc']
    expect(installLine('fedora', wanted)).toBe(
      'install by hand: dnf install qemu-system-aarch64 gcc-aarch64-linux-gnu elfutils-libelf-devel bc',
    )
    expect(installLine('arch', wanted)).toContain('pacman -S qemu-system-aarch64 aarch64-linux-gnu-gcc libelf bc')
    expect(installLine('suse', wanted)).toContain('zypper install qemu-arm cross-aarch64-gcc14 libelf-devel bc')
    expect(installLine(undefined, wanted)).toBe(`install by other means what Debian calls ${wanted.join(' ')}`)
  })
})

describe('Debian without apt', () => {
  const stanza = (name: string, version: string): string =>
    `Package: ${name}\nVersion: ${version}\nFilename: pool/${name}.deb\nSHA256: 00ff\nDescription: x\n`
  const index = [stanza('busybox', '1'), stanza('busybox-static', '2'), stanza('z', '3')].join('\n')

  test('finds a package only by its whole name', () => {
    const entry = { filename: 'pool/busybox-static.deb', sha256: '00ff' }
    expect(entryOf('busybox-static', index)).toEqual({ name: 'busybox-static', version: '2', ...entry })
    expect(entryOf('busybox', index)?.version).toBe('1')
    expect(entryOf('z', index)?.version).toBe('3')
    expect(entryOf('box', index)).toBeUndefined()
  })

  const member = (name: string, content: string): string =>
    `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(12)}${'100644'.padEnd(8)}${String(content.length).padEnd(10)}\`\n`.slice(
      -60,
    ) +
    content +
    (content.length % 2 ? '\n' : '')
  const deb = `!<arch>\n${member('debian-binary', '2.0\n')}${member('control.tar.xz', 'abc')}${member('data.tar.xz', 'files')}`

  test('finds the data in a .deb', () => {
    const { name, content } = dataOf(Buffer.from(deb, 'latin1'), 'x.deb')
    expect([name, content.toString()]).toEqual(['data.tar.xz', 'files'])
  })

  test.each([
    ['', 'is no Debian package'],
    ['!<arch>\n', 'has no data'],
    [deb.slice(0, -4), 'has no data'],
    [deb.replace('data.tar', 'date.tar'), 'has no data'],
  ])('refuses %j', (bytes, why) => {
    expect(() => dataOf(Buffer.from(bytes, 'latin1'), 'x.deb')).toThrow(`x.deb ${why}`)
  })
})
