/** The lab on other hosts: arm64, and systems without apt. */
import { describe, expect, test } from 'vitest'
import { dataOf, entryOf } from '../../qemu/setup/mirror.js'
import { installLine, systemOf } from '../../qemu/setup/systems.js'
import { chooseProcessors, guestTools } from '../../qemu/support/host.js'

describe('the guest’s processors', () => {
  const emulated = { gic: '3', cpu: 'cortex-a57', acceleration: [] }

  test('are the host’s on arm64, if KVM can create a guest', () => {
    expect(chooseProcessors('arm64', () => true)).toEqual({ gic: 'host', cpu: 'host', acceleration: ['-accel', 'kvm'] })
    expect(chooseProcessors('arm64', () => false)).toEqual(emulated)
  })

  test('are emulated on any other host, without trying KVM', () => {
    const refuse = (): boolean => {
      throw new Error('asked')
    }
    expect(chooseProcessors('x64', refuse)).toEqual(emulated)
  })
})

test('an arm64 host builds with its own compiler, others with a cross compiler', () => {
  const [own, cross] = ['arm64', 'x64'].map(arch => guestTools(arch, () => false))
  expect([own!.prefix, own!.compiler.command, own!.libc.package]).toEqual(['', 'gcc', 'libc6-dev'])
  expect([cross!.prefix, cross!.compiler.command]).toEqual(['aarch64-linux-gnu-', 'aarch64-linux-gnu-gcc'])
  expect(guestTools('x64', name => name === 'aarch64-suse-linux-gcc').prefix).toBe('aarch64-suse-linux-')
  expect(cross!.headers.package).toBe('linux-libc-dev-arm64-cross')
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
