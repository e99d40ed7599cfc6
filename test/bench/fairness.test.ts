/** How fair a device is to many guests that all want the same of it at once: the share of the one that gets least. */
import { availableParallelism } from 'node:os'
import { basename, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { parseMix } from '../../src/bench/commands.js'
import { measure } from '../../src/bench/front-end.js'
import { GUESTS_MAX, type Scenario } from '../../src/bench/scenario.js'
import { inFolder, RunningCommand } from '../cli/command.js'

/** Of what the guest with most gets. */
const SHARE = 0.6
const ROUNDS_MAX = 6
const TIMING = { warmupMs: 50, measureMs: 150 }

test('no guest of sixteen gets much less than another, with one command in flight or 128', () =>
  inFolder(async folder => {
    const sockets = Array.from({ length: GUESTS_MAX }, (_, i) => join(folder, `guest${i}`))
    const endpoints = sockets.flatMap(path => ['--agent', `${basename(path)}=${path}`])
    const device = new RunningCommand([...endpoints, '--platform', 'demo'])
    onTestFinished(() => void device.stop())
    await device.said(/ready: /)
    for (const depth of [1, 16, 128]) {
      const scenario: Scenario = {
        mix: parseMix('base'),
        depth,
        // Of guests that sleep, a busy machine's scheduler decides who sends at all.
        wait: 'spin',
        descriptors: 'indirect',
        eventIdx: true,
        guests: GUESTS_MAX,
        cores: availableParallelism() > 1 ? 'apart' : 'free',
      }
      const shares: number[] = []
      while (shares.length < ROUNDS_MAX && !(shares.at(-1)! >= SHARE)) {
        const { messagesByGuest } = await measure(sockets, scenario, TIMING)
        expect(messagesByGuest).toHaveLength(GUESTS_MAX)
        shares.push(Math.min(...messagesByGuest) / Math.max(...messagesByGuest))
      }
      expect(shares.at(-1), `depth ${depth}: ${shares}`).toBeGreaterThanOrEqual(SHARE)
    }
  }))
