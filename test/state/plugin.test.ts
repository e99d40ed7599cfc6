/** The state file also holds a plug-in's resources and per-agent state that implement save and restore. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { FrontEnd } from '../../src/front-end/front-end.js'
import type { Kept, Saved } from '../../src/platform/core/kept.js'
import type { ResourceKind } from '../../src/platform/core/platform.js'
import { commandsOn, defineProtocol } from '../../src/protocols/declaration/define-protocol.js'
import { serve } from '../../src/server/serve.js'
import { u32 } from '../../src/wire/fields.js'
import { inFolder } from '../cli/command.js'
import { Guest } from '../driver/guest.js'

const COUNTERS = 0x90

class Counter implements Kept {
  readonly name: string
  value = 0

  constructor(name: string) {
    this.name = name
  }

  save(): Saved {
    return this.value
  }

  restore(saved: Saved): void {
    this.value = saved as number
  }
}

const counters: ResourceKind<{ name: string }[], Counter[]> = {
  section: 'counters',
  schema: z.array(z.strictObject({ name: z.string() })),
  create: config => config.map(({ name }) => new Counter(name)),
}

interface CounterState {
  list: Counter[]
  asked: number
  save(): Saved
  restore(saved: Saved): void
}

const command = commandsOn<CounterState>()

const protocol = defineProtocol({
  id: COUNTERS,
  name: 'counters',
  versions: [0x10000],
  resource: counters as ResourceKind,
  attach: (platform): CounterState => ({
    list: platform.model(counters),
    asked: 0,
    save() {
      return this.asked
    },
    restore(saved) {
      this.asked = saved as number
    },
  }),
  commands: [
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], [u32('attributes')], (_state, _request, reply) => {
      reply.u32(0)
      return 0
    }),
    command(
      0x3,
      'COUNT',
      [],
      [u32('value'), u32('asked')],
      (state, _request, reply) => {
        reply.u32(++state.list[0]!.value)
        reply.u32(++state.asked)
        return 0
      },
      { changes: true },
    ),
  ],
})

test('a command that is declared to change state is persisted, although its reply has more than a status', () =>
  inFolder(async folder => {
    const guest = new Guest()
    const [state, socketPath] = [join(folder, 'state'), join(folder, 'scmi.sock')]
    const start = () =>
      serve({
        platform: { text: 'vendor: v\ncounters: [{ name: a }]' },
        plugins: [protocol],
        endpoint: { socketPath },
        state,
      })
    const first = await start()
    await guest.connect(FrontEnd.connect(socketPath))
    expect(await guest.send(COUNTERS, 0x3)).toEqual([0, 1, 1])
    expect(await guest.send(COUNTERS, 0x3)).toEqual([0, 2, 2])
    // Writes nothing more, as if it were killed.
    first.keeper!.commit = () => undefined
    first.close()
    guest.disconnect()
    const second = await start()
    const { cmdq, eventq } = guest.driver
    guest.frontEnd = FrontEnd.connect(socketPath)
    await guest.start(guest.frontEnd, 0n, [cmdq.usedIdx, eventq.usedIdx])
    expect(await guest.send(COUNTERS, 0x3)).toEqual([0, 3, 3])
    guest.close()
    second.close()
  }))
