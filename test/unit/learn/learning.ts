/** From a platform to the trace of its probing, and from that to a learned platform. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AgentChannel } from '../../../src/client/agent-channel.js'
import { type Learned, learn } from '../../../src/learn/learn.js'
import { type ReadOptions, readTraces } from '../../../src/learn/read.js'
import { loadPlatform } from '../../../src/loading/load.js'
import { VirtualTime } from '../../../src/platform/core/time.js'
import { silentProgress } from '../../../src/support/progress.js'
import { KernelProbe, kernelTrace, type Probed } from '../../support/kernel-probe.js'

/** What a kernel is told that probes the platform of this text, and does `more` then. */
export async function probePlatform(text: string, more: (probe: KernelProbe) => void = () => {}): Promise<Probed[]> {
  const channel = new AgentChannel(await loadPlatform({ text }, { time: new VirtualTime() }))
  const probe = new KernelProbe(channel.agent)
  probe.all()
  more(probe)
  return probe.probed
}

/** What the platform of this text answers to the same requests. */
export async function askedAgain(text: string, probed: readonly Probed[]): Promise<Probed[]> {
  const channel = new AgentChannel(await loadPlatform({ text }, { time: new VirtualTime() }))
  const probe = new KernelProbe(channel.agent)
  for (const { protocolId, messageId, request, name } of probed) probe.ask(protocolId, messageId, request, name)
  return probe.probed
}

/** Learns from these bytes of a file. */
export async function learnText(
  content: string | Buffer,
  { plugins = [], ...options }: { plugins?: string[] } & Partial<ReadOptions> = {},
): Promise<Learned> {
  const folder = mkdtempSync(join(tmpdir(), 'scmi-learn-'))
  try {
    const file = join(folder, 'trace')
    writeFileSync(file, content)
    const heard = readTraces([file], { progress: silentProgress, ...options })
    return await learn(heard, { plugins, names: ['trace'], progress: silentProgress })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export async function learnedAndAgain(platform: string) {
  const probed = await probePlatform(platform)
  const learned = await learnText(kernelTrace(probed))
  return { ...learned, before: linesOf(probed), after: linesOf(await probePlatform(learned.text)) }
}

/** Messages as lines that people can compare; times of readings are left out, and memory that agents and boards share. */
export const linesOf = (probed: readonly Probed[]): string[] =>
  probed
    .filter(({ name }) => !name.endsWith('DESCRIBE_FASTCHANNEL'))
    .map(({ name, request, status, reply }) => {
      const [asked, answered] = [request, reply].map(bytes => Buffer.from(bytes).toString('hex'))
      return `${name} ${asked} = ${status} ${name === 'sensor SENSOR_READING_GET' ? answered!.slice(0, 16) : answered}`
    })
