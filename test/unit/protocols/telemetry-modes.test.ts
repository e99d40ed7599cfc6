/** Which data events are enabled, as a view keeps it. */
import { expect, test } from 'vitest'
import { type DataEvent, OFF } from '../../../src/platform/telemetry/data-event.js'
import { telemetry } from '../../../src/platform/telemetry/index.js'
import { EventModes } from '../../../src/protocols/telemetry-modes.js'
import { createTestAgent } from '../../support/agent.js'

const ON = 1
const PLATFORM = `
vendor: acme
telemetry:
  events:
    - { id: 10, name: a, value: 1, enabled: true }
    - { id: 11, name: b, value: 2 }
`

test('a reset changes only what is not as the boot firmware left it', () => {
  const model = createTestAgent(PLATFORM).platform.model(telemetry)
  const [a, b] = model.list as [DataEvent, DataEvent]
  const changed: string[] = []
  const ids = { idOf: () => 0, saved: () => a, onChange: () => changed.push('kept') }
  const modes = new EventModes(ids, model, [a, b], ({ name }) => changed.push(name))
  const changes = (): string[] => changed.splice(0)

  modes.clear()
  expect(changes()).toEqual([])

  modes.set(b, ON)
  modes.setGroup(0, ON)
  changes()
  modes.clear()
  expect(changes()).toEqual(['b', 'kept', 'kept'])
  expect([modes.of(a), modes.of(b), modes.ofGroup(0)]).toEqual([ON, OFF, OFF])

  modes.set(a, OFF)
  changes()
  modes.clear()
  expect(changes()).toEqual(['a', 'kept'])
  expect(modes.of(a)).toBe(ON)
})
