/** The SCMI node in the device tree: QEMU's dump, merged, and decompiled by dtc. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { cpuDomains } from '../../qemu/device-tree/cpus.js'
import { makeDeviceTree, mergeDeviceTree } from '../../qemu/device-tree/device-tree.js'
import { reservedMemory, sharedAddress } from '../../qemu/device-tree/reserved-memory.js'
import { type ScmiView, scmiSource } from '../../qemu/device-tree/scmi-node.js'
import { viewPlatform } from '../../qemu/devices/device.js'
import { baseArguments, shapingArguments } from '../../qemu/machine/machine.js'

const machine = baseArguments({ memory: '256M', cpus: 3 })
const view = {
  protocols: [0x10, 0x14, 0x15, 0x12].map(id => ({ id })),
  platform: { has: () => false },
} as unknown as ScmiView
const ours = scmiSource(view, { cpus: 3 })

const decompile = (blob: Buffer): string =>
  execFileSync('dtc', ['-q', '-I', 'dtb', '-O', 'dts'], { input: blob, encoding: 'utf8' })

/** The text of a node, by its name. */
function node(source: string, name: string): string {
  const start = source.indexOf(`${name} {`)
  expect(start, `${name} in the tree`).toBeGreaterThanOrEqual(0)
  const indent = /[\t ]*$/.exec(source.slice(0, start))![0]
  return source.slice(start, source.indexOf(`\n${indent}};`, start))
}

let merged: Buffer
beforeAll(async () => {
  merged = readFileSync(await makeDeviceTree({ arguments: machine, source: ours }))
})

test('the merged tree has the machine as QEMU describes it, and the SCMI node', () => {
  const source = decompile(merged)
  expect(source).toContain('compatible = "linux,dummy-virt"')
  expect(source).toContain('cpu@2 {')
  const scmi = node(source, 'scmi')
  expect(scmi).toContain('compatible = "arm,scmi-virtio"')
  expect(scmi).toContain('#address-cells = <0x01>')
  expect(scmi).toContain('#size-cells = <0x00>')
})

test('each protocol but Base has a child with its id and its cells', () => {
  const scmi = node(decompile(merged), 'scmi')
  expect(scmi).not.toContain('protocol@10')
  expect(node(scmi, 'protocol@14')).toMatch(/reg = <0x14>;[\s\S]*#clock-cells = <0x01>/)
  expect(node(scmi, 'protocol@15')).toMatch(/reg = <0x15>;[\s\S]*#thermal-sensor-cells = <0x01>/)
  expect(node(scmi, 'protocol@12')).toMatch(/reg = <0x12>/)
})

test('shared memory is reserved, so that Linux maps it as a device; without no-map it does not', async () => {
  const source = decompile(await mergeDeviceTree(merged, reservedMemory(0x4f00_0000, 0x1_0000)))
  const region = node(node(source, 'reserved-memory'), 'scmi-shared@4f000000')
  expect(region).toMatch(/reg = <0x00 0x4f000000 0x00 0x10000>;\s+no-map;/)
  const mapped = decompile(await mergeDeviceTree(merged, reservedMemory(0x1_4f00_0000, 0x1000, 'mapped')))
  expect(node(mapped, 'scmi-shared@14f000000')).toMatch(/reg = <0x01 0x4f000000 0x00 0x1000>;\s*$/)
})

test.each([
  { memory: '256M', shared: {}, index: 0, is: 0x4f00_0000 },
  { memory: '1G', shared: {}, index: 0, is: 0x7f00_0000 },
  { memory: '256M', shared: { address: 0x4800_0000 }, index: 0, is: 0x4800_0000 },
  { memory: '256M', shared: {}, index: 1, is: 0x4f01_0000 },
])(
  'shared memory of device $index is near the end of $memory, unless the file says where',
  ({ memory, shared, index, is }) => {
    const address = undefined as number | undefined
    expect(sharedAddress({ address, size: 0x1_0000, pollUs: 1000, ...shared }, memory, index)).toBe(is)
  },
)

test('source may refer to the SCMI nodes by label and to the machine by path', async () => {
  const consumer = '&{/cpus/cpu@0} { clocks = <&scmi_14 7>; };'
  const blob = await mergeDeviceTree(merged, ours + consumer)
  const source = decompile(blob)
  const phandle = /phandle = <(0x[0-9a-f]+)>/.exec(node(source, 'protocol@14'))![1]
  expect(node(source, 'cpu@0')).toContain(`clocks = <${phandle} 0x07>`)
})

test('voltages below zero are limits that dtc takes', async () => {
  const file =
    'vendor: acme\nvoltages: [{ name: bias, range: { min: -2 V, max: -500 mV, step: 100 mV }, level: -1 V }]\n'
  const { platform, protocols } = await viewPlatform({ text: file, name: 'negative.yaml', folder: '.' } as never)
  const source = decompile(await mergeDeviceTree(merged, scmiSource({ platform, protocols }, { cpus: 3 })))
  expect(node(source, 'regulator@0')).toMatch(/min-microvolt = <0xffe17b80>;[\s\S]*max-microvolt = <0xfff85ee0>/)
})

test('source that does not compile is an error that shows it', async () => {
  const broken = '/ { this is not; a tree'
  await expect(mergeDeviceTree(merged, broken)).rejects.toThrow(
    /does not merge[\s\S]*syntax error[\s\S]*this is not; a tree/,
  )
})

test('the second time the tree comes from the cache; another machine has its own', async () => {
  const options = { arguments: machine, source: ours }
  const path = await makeDeviceTree(options)
  expect(await makeDeviceTree({ ...options, arguments: [...machine, '-s'] })).toBe(path)
  expect(await makeDeviceTree({ ...options, arguments: [...machine, '-smp', '4'] })).not.toBe(path)
})

test('arguments that open files or sockets do not reach the dump', () => {
  const words = ['-smp', '4', '-qmp', 'unix:/x,server=on', '--machine', 'virtualization=on', '-S', '-m', '1G']
  expect(shapingArguments(words)).toEqual(['-smp', '4', '-machine', 'virtualization=on', '-m', '1G'])
})

test('the preset everything: CPUs share the domains that are named after them, and each resource has a consumer', async () => {
  const view = await viewPlatform('everything')
  expect(cpuDomains({ platform: view.platform, cpus: 4 })).toEqual([0, 0, 1, 1])
  expect(cpuDomains({ platform: view.platform, cpus: 1 })).toEqual([0])
  const source = decompile(await mergeDeviceTree(merged, scmiSource(view, { cpus: 3 })))
  expect(node(source, 'cpu@2')).toMatch(/power-domain-names = "perf"/)
  const labels = [...node(source, 'scmi-lab').matchAll(/label = "(.*)"/g)].map(([, label]) => label)
  for (const label of ['clk_uart', 'vdd_gpu', 'rst_dsp', 'pd_soc', 'perf_memory', 'grp_i2c', 'pin_led']) {
    expect(labels).toContain(label)
  }
  // Linux has no driver that could use it.
  expect(labels).not.toContain('pd_modem')
  // Linux must not try to set what agents may not set.
  expect(node(source, 'regulator@4')).not.toContain('microvolt')
})

test('an agent that sees part of the platform has its own ids in its guest', async () => {
  const { platform, protocols } = await viewPlatform('everything')
  const agent = {
    id: 1,
    name: 'guest',
    trusted: false,
    socket: undefined,
    resources: { clocks: ['clk_uart', 'clk_xtal'] },
  }
  const limited = {
    config: { ...platform.config, agents: [agent] },
    has: platform.has.bind(platform),
    model: platform.model.bind(platform),
  }
  const source = scmiSource({ platform: limited as unknown as typeof platform, protocols }, { cpus: 3 })
  expect(source).toMatch(/label = "clk_uart"; clocks = <&scmi_14 0>, <&scmi_14 1>; clock-names = "clock", "clk_xtal";/)
  expect(source).not.toContain('clk_display_pixel')
  // The same for another agent than the first.
  expect(scmiSource({ platform, agent, protocols }, { cpus: 3 })).toBe(source)
})
