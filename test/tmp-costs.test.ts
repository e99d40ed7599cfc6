import { readFileSync } from 'node:fs'
import { test } from 'vitest'
import { Random } from './driver/random.js'
import { packHeader } from '../src/wire/header.js'
import { dispatch } from '../src/dispatch.js'
import { MessageWriter, RequestReader } from '../src/wire/message.js'
import { agentsOf, parsePlatformConfig } from '../src/platform/config.js'
import { Platform } from '../src/platform/platform.js'
import { RealTime } from '../src/platform/time.js'
import { Agent } from '../src/protocols/agent.js'
import { protocols } from '../src/protocols/index.js'
import { resourceKinds } from '../src/protocols/protocol.js'

const PEOPLE = `
agents: [{ name: a, trusted: true }, { name: b, trusted: true }]
`
const DEV = { everything: 'devices: [{ name: serial, resources: { clocks: [clk_uart], resets: [rst_uart] } }]', large: 'devices: [{ name: serial, resources: { clocks: [xtal, dev_1], power_domains: [cluster_1] } }]' }
for (const preset of (process.env.PRESETS ?? 'everything,large').split(',') as ('everything' | 'large')[])
  test(preset, { timeout: 600_000 }, () => {
    const text = readFileSync(`src/platform/presets/${preset}.yaml`, 'utf8') + PEOPLE + DEV[preset]
    const kinds = resourceKinds(protocols)
    const config = parsePlatformConfig(text, 'x', protocols, kinds, c => c)
    const time = new RealTime()
    const platform = new Platform(config, kinds, time)
    const peers: Agent[] = []
    let events = 0
    const sink = { available: true, congested: false, notify: () => void events++, respondLater: () => void events++ }
    for (const agent of agentsOf(config)) peers.push(new Agent({ config: agent, platform, events: sink, peers, protocols }))
    const [a, b] = peers
    const buf = new DataView(new ArrayBuffer(4096)), out = new DataView(new ArrayBuffer(4096))
    const request = new RequestReader(buf), reply = new MessageWriter(out)
    const send = (agent: Agent, header: number, words: number[], cap: number) => {
      buf.setUint32(0, header, true)
      words.forEach((w, i) => buf.setUint32(4 + 4 * i, w, true))
      request.open(0, 4 + 4 * words.length)
      reply.open(0, cap)
      dispatch(agent, request, 4 + 4 * words.length, reply, cap)
      return out.getInt32(4, true)
    }
    const random = new Random(7)
    // b subscribes to all
    for (const served of b!.protocols) for (const c of served?.commands ?? []) if (c?.needsEvents) for (let id = 0; id < 1100; id++) send(b!, packHeader(served!.protocol.id, c.id, 0, 0), [id, ...[1, 1, 1].slice(0, c.requestMin / 4 - 1)], 136)
    const rows: [string, number, string][] = []
    const values = [0, 0, 1, 1, 2, 3, 4, 5, 7, 0x10, 0xff, 0x4000_0000, 600e6, 1, 24e6, 2, 999, 500]
    for (const served of a!.protocols) for (const c of served?.commands ?? []) {
      if (!c) continue
      for (const cap of [136, 4096]) {
      const statuses = new Map<number, number>()
      const n = c.requestMin / 4
      const gen = () => { const w = Array.from({ length: n }, () => random.pick(values)); if (c.name.startsWith('BASE_')) w[0] = 1 + random.below(2); return w }
      const batch = Array.from({ length: 64 }, gen)
      const began = performance.now()
      let count = 0
      let worst = 0
      while (performance.now() - began < 60) {
        time.refresh()
        for (const w of batch) { const t = performance.now(); const s = send(a!, packHeader(served!.protocol.id, c.id, 0, 0), w, cap); const d = performance.now() - t; if (count > 500 && d > worst) worst = d; statuses.set(s, (statuses.get(s) ?? 0) + 1); count++ }
      }
      rows.push([`${served!.protocol.name} ${c.name} ${cap}`, (performance.now() - began) * 1000 / count, [...statuses].map(([s, n]) => `${s}:${Math.round(100 * n / count)}%`).join(' ')])
      }
    }
    rows.sort((x, y) => y[1] - x[1])
    console.log(preset + '\n' + rows.slice(0, 40).map(r => `${r[1].toFixed(2).padStart(9)} us ${r[0]}  ${r[2]}`).join('\n'))
    platform.close()
  })
