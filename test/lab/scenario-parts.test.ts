/** The parts of the runner that need no guest: finding scenarios, records of findings, splats, symbols, kernels, slots. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test, vi } from 'vitest'
import { checkLog, type Failure } from '../../qemu/runner/checks.js'
import { type Finding, findingFor, isRecorded, readFindings } from '../../qemu/runner/findings.js'
import { findKernels, misfit, type TestKernel } from '../../qemu/runner/kernels.js'
import { isQuick, ownScenarios, scenariosOf, select } from '../../qemu/runner/load.js'
import { family } from '../../qemu/runner/scenario.js'
import { Slots } from '../../qemu/runner/slots.js'
import { findSplats } from '../../qemu/runner/splats.js'
import { withLines } from '../../qemu/runner/symbols.js'
import { inFolder } from '../guest/lab-command.js'

const kernel = (of: Partial<TestKernel> = {}): TestKernel => ({
  label: '7.3',
  source: '7.3',
  image: '/nowhere/Image',
  release: '7.3.4',
  config: new Map([['CONFIG_ARM_SCMI_PROTOCOL', 'y']]),
  variant: 'plain',
  patches: [],
  words: ['--kernel', '7.3'],
  ...of,
})

function writeFiles(folder: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
}

describe('scenarios', () => {
  test('of the lab have unique names and a summary of one line', async () => {
    const entries = await ownScenarios()
    expect(new Set(entries.map(({ name }) => name)).size).toBe(entries.length)
    for (const { name, scenario } of entries) {
      expect(name).toMatch(/^[a-z0-9-]+(\/[a-z0-9-]+){1,2}$/)
      expect(scenario.summary, name).toMatch(/^\S.{10,200}$/)
    }
  })

  test('are selected by name, group or tag, in their own order and once', async () => {
    const entries = await ownScenarios()
    const names = (...words: string[]) => select(entries, words).map(({ name }) => name)
    expect(names()).toHaveLength(entries.length)
    expect(names('probe/at-boot')).toEqual(['probe/at-boot'])
    expect(names('at-boot', 'probe/at-boot')).toEqual(['probe/at-boot'])
    expect(names('probe')).toContain('probe/no-device')
    expect(names('ci')).toContain('hotplug/after-boot')
    expect(() => select(entries, ['nothing'])).toThrow('no scenario has the name, group or tag "nothing"')
  })

  test('that are only in "all" are not in a run without words', () =>
    inFolder(async folder => {
      const files = ['', 'onlyInAll: true, '].map((more, i) => [
        `own/n${i}.mjs`,
        `export default { summary: 'a scenario', ${more}async run() {} }`,
      ])
      writeFiles(folder, { ...Object.fromEntries(files), 'own/n0.sh': '', 'own/n1.sh': '' })
      const entries = await scenariosOf(folder)
      expect(entries.filter(isQuick).map(({ name }) => name)).toEqual(['own/n0'])
      expect(select(entries, ['all']).map(({ name }) => name)).toEqual(['own/n0', 'own/n1'])
    }))

  test('of a run without words are of every group, and few enough for minutes', async () => {
    const entries = (await ownScenarios()).filter(({ group }) => group !== 'sweep')
    const quick = entries.filter(isQuick)
    const groups = (list: typeof entries) => [...new Set(list.map(({ group }) => group))]
    expect(groups(quick)).toEqual(groups(entries))
    expect(quick.length).toBeLessThan(140)
  })

  test('of a family: those that are quick are named', () => {
    const declare = (summary: string) => ({ summary, async run() {} })
    expect(family({ one: 'first', two: 'second' }, declare, ['two'])).toMatchObject({
      one: { summary: 'first', onlyInAll: true },
      two: { summary: 'second' },
    })
    expect(family({ one: 'first' }, declare, ['one']).one).not.toHaveProperty('onlyInAll')
    expect(() => family({ one: 'first' }, declare, ['three'])).toThrow('there is no member three')
  })

  test("of a user's folder: errors say what is missing", () =>
    inFolder(async folder => {
      await expect(scenariosOf(join(folder, 'none'))).rejects.toThrow('no such folder of scenarios')
      await expect(scenariosOf(folder)).rejects.toThrow('no scenario (GROUP/NAME.mjs) in it')
      writeFiles(folder, { 'own/one.mjs': "export default { summary: 'one', async run() {} }" })
      await expect(scenariosOf(folder)).rejects.toThrow(
        `${folder}/own/one.sh is missing: the guest file of scenario own/one`,
      )
      writeFiles(folder, { 'own/one.sh': '' })
      expect(await scenariosOf(folder)).toMatchObject([{ name: 'own/one', group: 'own', findings: [] }])
      writeFiles(folder, { 'own/group.sh': 'shared() { :; }', 'own/one.sh': 'own() { :; }' })
      const [{ guestScript } = { guestScript: '' }] = await scenariosOf(folder)
      expect(guestScript).toBe('shared() { :; }\nown() { :; }')
      writeFiles(folder, { 'top.mjs': '' })
      await expect(scenariosOf(folder)).rejects.toThrow('a scenario lies in GROUP/NAME')
    }))

  test.each([
    ['throws', "throw new Error('no')", 'Error: no'],
    ['is no JavaScript', 'export default {', ''],
    ['exports nothing', 'export const run = () => {}', 'its default export is neither a scenario'],
    ['exports null', 'export default null', 'its default export is neither a scenario'],
    ['exports no scenario', 'export default { one: 1 }', 'its default export is neither a scenario'],
  ])('of a module that %s are one line', (_, text, problem) =>
    inFolder(async folder => {
      writeFiles(folder, { 'own/one.mjs': text, 'own/one.sh': '' })
      await expect(scenariosOf(folder)).rejects.toMatchObject({
        name: 'LabError',
        message: expect.stringContaining(`own/one.mjs: ${problem}`),
      })
    }),
  )
})

describe('findings', () => {
  const text = `
- kernels: '>=7.2'
  variants: [modules]
  patched: rework
  fails: [{ what: it is back, says: "got ''" }]
  symptom: It does not come back.
  cause: Nobody probes it again.
- kernels: '>=7.2'
  unpatched: rework
  fails: [{ what: it is back }, { what: no splat }]
  symptom: It crashes.
  cause: A bug.
`
  const use = <T>(content: string, look: (path: string) => T): Promise<T> =>
    inFolder(folder => {
      writeFiles(folder, { 'x.findings.yaml': content })
      return look(join(folder, 'x.findings.yaml'))
    })

  test('are for releases, variants, and kernels with or without a patch', () =>
    use(text, path => {
      const findings = readFindings(path)
      const patches = [{ path: '/x/0001.patch', subject: '[PATCH 1/1] virtio: rework the probe' }]
      expect(findingFor(findings, kernel())?.symptom).toBe('It crashes.')
      expect(findingFor(findings, kernel({ patches, variant: 'modules' }))?.symptom).toBe('It does not come back.')
      expect(findingFor(findings, kernel({ patches }))).toBeUndefined()
      expect(findingFor(findings, kernel({ release: '6.12.117' }))).toBeUndefined()
      expect(findingFor(findings, kernel({ release: '7.4.0-rc1-00012-g0123456789ab' }))?.symptom).toBe('It crashes.')
      expect(readFindings(`${path}.none`)).toEqual([])
    }))

  test('are for guests of an architecture', () =>
    use(text.replace('unpatched: rework', 'unpatched: rework\n  arch: arm'), path => {
      const findings = readFindings(path)
      expect(findingFor(findings, kernel())).toBeUndefined()
      vi.stubEnv('SCMI_LAB_ARCH', 'arm')
      expect(findingFor(findings, kernel())?.symptom).toBe('It crashes.')
      vi.unstubAllEnvs()
    }))

  test('match if every failure is recorded and every recorded failure occurs', () =>
    use(text, path => {
      const [first, second] = readFindings(path)
      const failure = (what: string, said = "got '' after 10 ms") => ({ what, because: '', said })
      const holds = (failures: Failure[], finding: Finding | undefined, console = '') =>
        isRecorded({ failures, console }, finding)
      expect(holds([], undefined)).toBe(true)
      expect(holds([failure('it is back')], undefined)).toBe(false)
      expect(holds([failure('it is back')], first)).toBe(true)
      expect(holds([failure('it is back', 'got 2')], first)).toBe(false)
      expect(holds([], first)).toBe(false)
      expect(holds([failure('it is back')], second)).toBe(false)
      expect(holds([failure('no splat'), failure('it is back')], second)).toBe(true)
      const third = { ...second!, fails: [], oneFails: second!.fails }
      expect(holds([failure('no splat')], third)).toBe(true)
      expect(holds([failure('no splat'), failure('it is back')], third)).toBe(true)
      expect(holds([], third)).toBe(false)
      expect(holds([failure('no splat'), failure('another')], third)).toBe(false)
      const fourth = { ...first!, onceLogSays: /virtqueue \(-5\)/ }
      expect(holds([failure('another')], fourth, 'failed to add to RX virtqueue (-5)')).toBe(true)
      expect(holds([failure('another')], fourth, 'virtqueue (-6)')).toBe(false)
      expect(holds([failure('it is back')], fourth)).toBe(true)
    }))

  test.each([
    ['kernels', '- { kernels: new, fails: [{ what: x }], symptom: s, cause: c }', '0.kernels: is no range of versions'],
    [
      'a pattern',
      "- { kernels: '*', fails: [{ what: x, says: '(' }], symptom: s, cause: c }",
      '0.fails.0.says: Invalid regular expression',
    ],
    ['a field', "- { kernels: '*', fails: [], why: x, symptom: s, cause: c }", '0'],
  ])('%s that is wrong is reported with file and field', (_, content, message) =>
    use(content, path => expect(() => readFindings(path)).toThrow(`${path}: ${message}`)),
  )
})

describe('splats', () => {
  const log = `[    1.0] lab: unbind
[    1.1] ------------[ cut here ]------------
[    1.1] WARNING: drivers/firmware/arm_scmi/virtio.c:207 at scmi_vio_complete_cb+0x10/0x20, CPU#0: sh/1
[    1.1] pc : scmi_vio_complete_cb+0x10/0x20
[    1.1] ---[ end trace 0000000000000000 ]---
[    1.2] arm-scmi arm-scmi.0.auto: timed out in resp(caller: do_xfer+0x1)
[    1.3] BUG: sleeping function called from invalid context at kernel/locking/mutex.c:1
[    1.3] Call trace:`.split('\n')

  test('are found from their first line to their end', () => {
    expect(findSplats(log).map(({ start, end }) => [start, end])).toEqual([
      [1, 5],
      [6, 8],
    ])
  })

  test('that a scenario allows are ignored as a whole', () => {
    expect(findSplats(log, [/scmi_vio_complete_cb/]).map(({ start }) => start)).toEqual([6])
  })

  test('on the locks of the hot-plug controller are skipped, but nothing after them', () => {
    const report = [
      'WARNING: possible circular locking dependency detected',
      'irq/16-pciehp/39 is trying to acquire lock: (pci_rescan_remove_lock), at: pci_lock_rescan_remove',
      'but task is already holding lock: (&ctrl->reset_lock), at: pciehp_ist',
    ]
    expect(findSplats([...report, 'BUG: KASAN: slab-use-after-free in scmi_vio_remove'])).toMatchObject([{ start: 3 }])
    expect(findSplats(report.slice(0, 2))).toHaveLength(1)
  })

  test('have the place and the caller', () => {
    const title = 'Unable to handle kernel NULL pointer dereference at virtual address 0000000000000008'
    const places = ['pc : _raw_spin_lock_irq+0x38/0x64', 'lr : __wait_for_common+0x34/0x168']
    const lines = [title, 'Mem abort info:', ...places, 'Call trace:', '---[ end trace 0 ]---']
    const [failure] = checkLog(lines.join('\n'), { summary: '', run: async () => {} })
    expect(failure!.said.split('\n')).toEqual([title, ...places])
  })

  test.each([
    'BUG: KASAN: slab-use-after-free in scmi_vio_feed_vq_rx+0x4/0x8',
    'WARNING: possible circular locking dependency detected',
    'INFO: task kworker/0:1:9 blocked for more than 120 seconds.',
    'rcu: INFO: rcu_preempt self-detected stall on CPU',
    'BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 31s!',
    'kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak)',
    'ODEBUG: free active (active state 0) object: 0000 object type: work_struct',
    'refcount_t: underflow; use-after-free.',
    'Unable to handle kernel NULL pointer dereference at virtual address 0000000000000008',
    'watchdog: BUG: soft lockup - CPU#1 stuck for 22s!',
    "sysfs: cannot create duplicate filename '/devices/virtual/workqueue/virtio0'",
  ])('%s', line => {
    expect(findSplats([line])).toHaveLength(1)
  })

  test.each([
    'arm-scmi arm-scmi.0.auto: Malformed reply - real_sz:8  calc_sz:4  (loop_num_ret:1)',
    'Freeing initrd memory: 1584K',
    'scmi_core: SCMI protocol bus registered',
  ])('%s: none', line => {
    expect(findSplats([line])).toEqual([])
  })
})

describe('addresses in a log', () => {
  const source = `int broken(volatile int *at)\n{\n\treturn *at;\n}\nint main(void)\n{\n\treturn broken(0);\n}\n`

  test('get file and line from a vmlinux with debug information', () =>
    inFolder(async folder => {
      writeFiles(folder, { 'broken.c': source })
      const build = ['-g', '-O1', '-static', '-fno-inline', '-o', 'vmlinux', 'broken.c']
      execFileSync('aarch64-linux-gnu-gcc', build, { cwd: folder })
      const row = execFileSync('aarch64-linux-gnu-nm', ['-S', 'vmlinux'], { cwd: folder, encoding: 'utf8' })
      const size = Number.parseInt(/^\S+ (\S+) T broken$/m.exec(row)![1]!, 16)
      const log = [`pc : broken+0x0/0x${size.toString(16)}`, 'lr : unknown+0x4/0x8', 'a line without']
      expect(await withLines(log, join(folder, 'Image'))).toEqual([
        expect.stringMatching(/^pc : broken\+\S+ \(broken\.c:[23]\)$/),
        ...log.slice(1),
      ])
    }))

  test('stay as they are without', () =>
    inFolder(async folder => {
      const log = ['pc : broken+0x0/0x8']
      expect(await withLines(log, join(folder, 'Image'))).toEqual(log)
    }))
})

describe('kernels', () => {
  const find = (image: string, more: Partial<Parameters<typeof findKernels>[0]> = {}) =>
    findKernels({ kernels: [image], patches: [], variants: ['plain'], ...more }, new AbortController().signal)
  const config = gzipSync('CONFIG_ARM_SCMI_PROTOCOL=m\n# CONFIG_KASAN is not set\n')
  const bytes = Buffer.concat([
    Buffer.from('...Linux version 7.4.0-rc2+ (me@here) ...IKCFG_ST'),
    config,
    Buffer.from('IKCFG_ED...'),
  ])

  test('an Image has its release, and its configuration if it was built with it', () =>
    inFolder(async folder => {
      const image = join(folder, 'Image')
      writeFileSync(image, bytes)
      const [found] = await find(image)
      expect(found).toMatchObject({ label: '7.4.0-rc2+', release: '7.4.0-rc2+', words: ['--kernel', image] })
      expect(found!.config?.get('CONFIG_ARM_SCMI_PROTOCOL')).toBe('m')
      writeFileSync(image, 'Linux version 7.4.0 (me@here)')
      expect((await find(image))[0]!.config).toBeUndefined()
      writeFileSync(image, 'MZ')
      await expect(find(image)).rejects.toThrow(`${image} is no kernel Image, nor Image.gz`)
      await expect(find(image, { patches: ['a.patch'] })).rejects.toThrow('--patch goes with a source')
      await expect(find(image, { variants: ['debug'] })).rejects.toThrow('--variant goes with a source')
    }))

  test('that are compressed are inspected after decompression', () =>
    inFolder(async folder => {
      const image = join(folder, 'Image.gz')
      writeFileSync(image, gzipSync(bytes))
      const [found] = await find(image)
      expect(found).toMatchObject({ release: '7.4.0-rc2+', image, words: ['--kernel', image] })
      expect(found!.config?.get('CONFIG_ARM_SCMI_PROTOCOL')).toBe('m')
    }))

  test('that do not exist are reported with their option', async () => {
    await expect(find('/no/such/tree')).rejects.toThrow(
      '--kernel /no/such/tree: is no such folder; give 7.3, 7.2, 6.12',
    )
  })

  test('of the same release get labels of their own', () =>
    inFolder(async folder => {
      const images = ['one', 'two'].map(name => join(folder, name))
      for (const image of images) writeFileSync(image, bytes)
      const found = await find(images[0]!, { kernels: images })
      expect(found.map(({ label }) => label)).toEqual(['7.4.0-rc2+', '7.4.0-rc2+ #2'])
    }))

  test('that lack what a scenario needs are reported with the reason', () => {
    expect(misfit({}, kernel())).toBeUndefined()
    expect(misfit({ releases: '>=7.2' }, kernel())).toBeUndefined()
    expect(misfit({ releases: '<7' }, kernel())).toBe('for Linux <7')
    expect(misfit({ config: ['CONFIG_ARM_SCMI_PROTOCOL=y'] }, kernel())).toBeUndefined()
    expect(misfit({ config: ['CONFIG_ARM_SCMI_PROTOCOL=m'] }, kernel())).toBe(
      'for kernels with CONFIG_ARM_SCMI_PROTOCOL=m',
    )
    expect(misfit({ config: ['# CONFIG_KASAN is not set'] }, kernel())).toBeUndefined()
    expect(misfit({ config: ['CONFIG_KASAN=y'] }, kernel({ config: undefined }))).toContain('lacks CONFIG_IKCONFIG')
  })
})

test('slots: no more run at once than there are, and a holder that only waits gives its slot away', async () => {
  const slots = new Slots(1)
  const story: string[] = []
  let wake!: () => void
  const asleep = new Promise<void>(resolve => {
    wake = resolve
  })
  const first = slots.use(async () => {
    story.push('first starts')
    await slots.spare(() => new Promise(setImmediate))
    story.push('first had next to nothing to wait for')
    await slots.spare(() => asleep)
    story.push('first goes on')
  })
  const second = slots.use(async () => {
    story.push('second runs')
    wake()
  })
  const third = slots.use(async () => void story.push('third runs'))
  await Promise.all([first, second, third])
  expect(story).toEqual([
    'first starts',
    'first had next to nothing to wait for',
    'second runs',
    'first goes on',
    'third runs',
  ])
})
