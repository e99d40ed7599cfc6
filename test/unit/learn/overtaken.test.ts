/** Requests that their answers overwrote before the kernel dumped them. */
import { expect, test } from 'vitest'
import { kernelTrace, type Probed } from '../../support/kernel-probe.js'
import { learnText, linesOf, probePlatform } from './learning.js'

/** The trace of a kernel that was as slow as that with these messages. */
function overtakenTrace(probed: readonly Probed[], isSlow: (message: Probed, position: number) => boolean): string {
  const lines = kernelTrace(probed).split('\n')
  probed.forEach((message, i) => {
    const { request, reply, status } = message
    if (!isSlow(message, i)) return
    const [command, response] = [4 * i + 1, 4 * i + 2]
    const dumped = request.slice()
    if (status === 0) dumped.set(reply.subarray(0, request.length))
    const late = lines[command]!.replace(/pyld=.*/, `pyld=${Buffer.from(dumped).toString('hex')}`)
    lines[command] = lines[response]!
    lines[response] = late
  })
  return lines.join('\n')
}

const BOARD = [
  'vendor: acme',
  'clocks:',
  '  - { id: 3, name: a, rates: [1 MHz, 2 MHz, 3 MHz, 4 MHz, 5 MHz, 6 MHz, 7 MHz, 8 MHz, 9 MHz, 10 MHz, 11 MHz, 12 MHz, 13 MHz, 14 MHz, 15 MHz, 16 MHz, 17 MHz, 18 MHz, 19 MHz, 20 MHz] }',
  '  - { name: a_clock_with_a_long_name, range: { min: 1 MHz, max: 2 MHz, step: 1 kHz } }',
  '  - { name: c, rate: 5 MHz, parents: [a] }',
  'perf_domains: [{ name: p, levels: [{ level: 5, power: 1, frequency: 5 MHz }, { level: 6, power: 1, frequency: 6 MHz }] }]',
  'power_domains: [{ name: q, state: on }, { name: r }]',
].join('\n')

test('those of probing follow from the others', async () => {
  const probed = await probePlatform(BOARD)
  // Message attributes can't follow from anything; answers about agents repeat their ids.
  const { text, remarks, differing } = await learnText(
    overtakenTrace(
      probed,
      ({ name, request }) =>
        request.length > 0 &&
        (!/^base|MESSAGE_ATTRIBUTES|CONFIG_GET/.test(name) || name === 'base BASE_DISCOVER_AGENT'),
    ),
  )
  expect(linesOf(await probePlatform(text))).toEqual(linesOf(probed))
  expect(differing).toBe(0)
  expect(remarks).toEqual([
    expect.stringMatching(/\d\d requests were overwritten by their answers, and follow from those around them$/),
  ])
})

test('readings that go from one resource to the next are not taken for those of the resource before', async () => {
  const board =
    'vendor: acme\nvoltages:\n' +
    [0, 1, 2, 3].map(i => `  - { name: v${i}, level: ${i + 1} V, mode: ${i % 2 ? 'on' : 'off'} }\n`).join('')
  const words = (...some: number[]) => new Uint8Array(Uint32Array.of(...some).buffer)
  const probed = (
    await probePlatform(board, probe => {
      for (const id of [0, 1, 2, 3]) probe.ask(0x17, 6, words(id), 'CONFIG_GET')
      for (const id of [0, 1, 2, 3])
        for (const message of [8, 6]) probe.ask(0x17, message, words(id), `pair ${message}`)
    })
  ).filter(({ name }) => !/voltage VOLTAGE_(CONFIG|LEVEL)_GET/.test(name))
  // One of a row, and one whose neighbours are other commands.
  const lost = [
    probed.findIndex(({ name, request }) => name === 'CONFIG_GET' && request[0] === 2),
    probed.findIndex(({ name, request }) => name === 'pair 8' && request[0] === 3),
  ]
  const { text } = await learnText(overtakenTrace(probed, (_, i) => lost.includes(i)))
  for (const line of ['level: 1 V }', 'level: 2 V, mode: on }', 'level: 3 V }', 'level: 4 V, mode: on }'])
    expect(text).toContain(line)
})

test('those that follow from nothing are left out, and the file says so', async () => {
  const probed = await probePlatform(BOARD, probe => {
    for (const id of [4, 3, 5]) probe.ask(0x14, 6, new Uint8Array(Uint32Array.of(id).buffer), 'reading')
  })
  const { text } = await learnText(overtakenTrace(probed, ({ name }) => /MESSAGE_ATTRIBUTES/.test(name)))
  expect(text).toMatch(/# .*: \d+ requests were overwritten by their answers, and are left out/)
})
