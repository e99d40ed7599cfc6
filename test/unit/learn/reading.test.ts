/** The texts that traces come in, and files that are none, or want to cost memory or time. */
import { expect, test } from 'vitest'
import { KernelText } from '../../../src/learn/kernel-text.js'
import { parseLine } from '../../../src/trace/kernel-events.js'
import { kernelTrace, type Probed } from '../../support/kernel-probe.js'
import { learnText, probePlatform } from './learning.js'

const BOARD = 'vendor: acme\nclocks: [{ name: a, rates: [1000, 2000] }, { name: b, rate: 5 }]'

const TEXT = 'id=0 ch=10 pt=14 t=RESP msg_id=06 seq=0001 s=0 pyld=e803000000000000'

test.each([
  ['trace', `    kworker/u8:1-37      [001] .....     1.480552: scmi_msg_dump: ${TEXT}`, 'kworker/u8:1', 1_480_552_000],
  [
    'trace with record-tgid',
    `   <...>-37      (-------) [001] d.h2.     1.480552: scmi_msg_dump: ${TEXT}`,
    '<...>',
    1_480_552_000,
  ],
  [
    'trace-cmd report',
    `     kworker/0:1-23    [000]     1.480552: scmi_msg_dump:        ${TEXT}`,
    'kworker/0:1',
    1_480_552_000,
  ],
  [
    'trace-cmd report -t',
    `          <idle>-0     [001] d.h2.     1.480552123: scmi_msg_dump: ${TEXT}`,
    '<idle>',
    1_480_552_123,
  ],
  ['the console, with tp_printk', `[    1.480552] scmi_msg_dump: ${TEXT}`, '', 1_480_552_000],
  ['the console, with its level and caller', `<6>[    1.480552][    T1] scmi_msg_dump: ${TEXT}`, '', 1_480_552_000],
  [
    'a name with spaces',
    `    my task x-37      [001] .....     1.480552: scmi_msg_dump: ${TEXT}`,
    'my task x',
    1_480_552_000,
  ],
])('a line of %s', (_, line, task, timeNs) => {
  expect(parseLine(line)).toEqual({ task, timeNs, name: 'scmi_msg_dump', text: TEXT })
})

test('other lines are no events', () => {
  const lines = [
    '# tracer: nop',
    'CPU:0 [LOST 12 EVENTS]',
    '',
    '[    1.48] Run /init as init process',
    'x'.repeat(30_000),
  ]
  expect(lines.map(parseLine)).toEqual(lines.map(() => undefined))
})

/** The same text as other tools print it. */
const FORMS: Readonly<Record<string, (text: string) => string>> = {
  'trace-cmd report': text =>
    `CPU 0 is empty\ncpus=2\n${text.replaceAll(/\] \.\.\.\.\. +/g, ']     ').replaceAll(/(scmi_\w+): /g, '$1:          ')}`,
  'the console': text => text.replaceAll(/^.*? (\d+\.\d+): /gm, '[    $1] '),
  'without the other events': text =>
    text
      .split('\n')
      .filter(line => line.includes('scmi_msg_dump'))
      .join('\n'),
  'with carriage returns': text => text.replaceAll('\n', '\r\n'),
}

test.each(Object.keys(FORMS))('learns the same from %s', async form => {
  const text = kernelTrace(await probePlatform(BOARD))
  const [one, other] = [await learnText(text), await learnText(FORMS[form]!(text))]
  const content = (file: string): string =>
    file
      .split('\n')
      .filter(line => !line.startsWith('#'))
      .join('\n')
  expect(content(other.text)).toBe(content(one.text))
})

/** The head of a trace whose buffer was too small. */
const FULL = '# entries-in-buffer/entries-written: 5000/6500   #P:2'

test('tells of lost events, of commands without an answer, and of another instance', async () => {
  const text = kernelTrace(await probePlatform(BOARD))
  const lines = text.split('\n')
  const last = lines.findLastIndex(line => line.includes('t=RESP'))
  const other = lines.filter(line => line.includes('scmi_msg_dump')).map(line => line.replace('id=0', 'id=1'))
  const { remarks } = await learnText([FULL, 'CPU:1 [LOST 70 EVENTS]', ...lines.slice(0, last), ...other].join('\n'))
  expect(remarks.map(remark => remark.replace(/^.*?: /, ''))).toEqual([
    'events were lost in 1 places; use a larger trace_buf_size',
    'the first 1500 events are missing: the buffer was full; use a larger trace_buf_size',
    '1 commands got no answer',
    expect.stringMatching(/^there is another SCMI instance, which --instance selects: instance 1 \(\d+ messages\)$/),
  ])
})

test('reads the instance that is asked for', async () => {
  const [first, second] = await Promise.all([
    probePlatform(BOARD),
    probePlatform('vendor: other\nclocks: [{ name: z, rate: 7 }]'),
  ])
  const text = kernelTrace(first) + kernelTrace(second).replaceAll('id=0 ch', 'id=1 ch')
  expect((await learnText(text)).text).toContain('vendor: acme')
  expect((await learnText(text, { instance: '1' })).text).toContain('vendor: other')
  await expect(learnText(text, { instance: '7' })).rejects.toThrow(/no such SCMI instance; it has 0, 1$/)
})

test.each([
  ['an empty file', '', /neither a trace of vhost-user-scmi nor a text with the kernel's SCMI events/],
  ['any text', 'hello\nworld\n', /neither a trace of vhost-user-scmi nor a text/],
  ['a trace.dat', '\x17\x08\x44tracing5', /is a trace\.dat; give the text that "trace-cmd report .*" prints$/],
  ['a compressed file', '\x1f\x8b\x08\x00', /is compressed; give what gunzip makes of it$/],
  [
    'no dumps',
    '   x-1 [000] .....  1.000000: scmi_rx_done: pt=10 msg_id=00 seq=0000',
    /has SCMI events, but no scmi_msg_dump/,
  ],
  [
    'a dump that trace-cmd can not print',
    '   x-1 [000] .....  1.000000: scmi_msg_dump: [FAILED TO PARSE] id=0 channel_id=16 protocol_id=16',
    /scmi_msg_dump has no payload that can be read/,
  ],
  ['a line without end', 'x'.repeat(3 << 20), /not a text: a line is longer than/],
  ['another perfetto trace', '\x0a\x04\x08\x01\x10\x02', /a trace of another program|ends before the trace has begun/],
])('%s is an error of one line', async (_, content, says) => {
  const error = await learnText(Buffer.from(content, 'latin1')).catch((error: Error) => error)
  expect((error as Error).name).toMatch(/OperatorError|FailedError/)
  expect((error as Error).message).toMatch(says)
  expect((error as Error).message).not.toContain('\n')
})

/** Times the work; the limit is generous, since quadratic work would take minutes. */
async function within(ms: number, work: () => Promise<unknown>): Promise<void> {
  const began = performance.now()
  await work()
  expect(performance.now() - began).toBeLessThan(ms)
}

const word = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer)
const reading = (id: number, value: number): Probed => ({
  protocolId: 0x15,
  messageId: 6,
  name: '',
  request: new Uint8Array(Uint32Array.of(id, 0).buffer),
  status: 0,
  reply: new Uint8Array(Uint32Array.of(value, 0, 0, 0).buffer),
})

test('many readings of one sensor, and many answers of a vendor, take no more than their number', async () => {
  const probed = await probePlatform('vendor: acme\nsensors: [{ name: s, type: celsius, value: 1 }]')
  const readings = Array.from({ length: 20_000 }, (_, i) => reading(0, i))
  const vendor = readings.map((one, i) => ({ ...one, protocolId: 0x85, request: word(i % 50) }))
  await within(30_000, async () => {
    const { text, recorded } = await learnText(kernelTrace([...probed, ...readings, ...vendor]))
    expect(text).toContain('read 20001 times')
    expect(text).toContain('further answers are left out')
    expect(recorded).toBeLessThan(450)
  })
}, 60_000)

test('counts that nothing follows make no resources', async () => {
  const probed = await probePlatform(BOARD)
  for (const { name, reply } of probed) if (name === 'clock PROTOCOL_ATTRIBUTES') reply.set([0xff, 0xff])
  const { text } = await learnText(kernelTrace(probed))
  expect(text).toMatch(/\{ id: 65534, name: clock_65534, rate: 0 Hz \} # not seen: name/)
  expect(text.split('\n').length).toBeLessThan(30)
})

test('random text between the events is skipped, and random payloads do not end the program', async () => {
  const probed = await probePlatform(BOARD)
  let seed = 7
  const random = (): number => (seed = (seed * 1103515245 + 12345) % 2 ** 31)
  for (let i = 0; i < 60; i++) {
    const broken = probed.map(one => ({
      ...one,
      reply: one.reply.map(byte => (random() % 9 === 0 ? random() & 0xff : byte)).slice(0, random() % 40),
    }))
    const error = await learnText(kernelTrace(broken)).catch((error: Error) => error)
    if (error instanceof Error) expect(error.name).toMatch(/OperatorError|FailedError|ConfigError/)
  }
}, 120_000)

test('keeps no more transfers than tokens allow', () => {
  const text = new KernelText()
  for (let i = 0; i < 20_000; i++) {
    const seq = i.toString(16).toUpperCase().padStart(4, '0')
    text.line(`x-1 [000] ..... 1.000000: scmi_msg_dump: id=0 ch=10 pt=10 t=CMND msg_id=00 seq=${seq} s=0 pyld=`)
  }
  expect(text.unanswered).toBeLessThanOrEqual(4096)
})
