/** The page on a platform with fast channels, several power limits and telemetry; a mock driver acts as guest. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { FrontEnd } from '../../src/front-end/front-end.js'
import { FLAT } from '../../src/front-end/memory.js'
import { inFolder, RunningCommand } from '../cli/command.js'
import { Guest } from '../driver/guest.js'
import { expectQuiet, TestBrowser } from './browser.js'

const LIMIT_MS = 240_000
const PERF = 0x13
const [LEVEL_SET, DESCRIBE] = [0x7, 0xb]
const PLATFORM = `
vendor: acme
protocols: { powercap: { version: 3.0 } }
shared_memory: { address: ${FLAT.guest + (2 << 20)}, size: 0x10000 }
perf_domains:
  - { name: cpu, levels: [{ level: 600, power: 100 }, { level: 1200, power: 300 }], sustained_frequency: 1.2 GHz, fast_channels: true }
powercaps:
  - name: package
    unit: milliwatt
    cap_range: { min: 500, max: 5000, step: 100 }
    power: 1 W
    mai_range: { min: 10 ms, max: 1 s, step: 10 ms }
    limits: [{ name: peak, cap_range: { min: 500, max: 8000, step: 100 }, cai_range: { min: 1 ms, max: 10 ms, step: 1 ms } }]
telemetry:
  update_intervals: [10 ms]
  groups: [{ name: package }]
  events: [{ id: 0x100, name: level_time, value: { power_of: package }, scale: -3, group: package }]
`

it(
  'shows writes to channels as what they are, limits by name, and how data events are read',
  () =>
    inFolder(async folder => {
      const [path, file] = [join(folder, 'socket'), join(folder, 'board.yaml')]
      writeFileSync(file, PLATFORM)
      const device = new RunningCommand(['--socket-path', path, '--platform', file, '--http', '0'])
      const browser = await TestBrowser.launch()
      const guest = new Guest()
      onTestFinished(async () => {
        guest.close()
        await Promise.all([browser.close(), device.stop()])
      })
      await device.said(/ready: /)
      await guest.connect(FrontEnd.connect(path))
      const view = await browser.open(device.stderr.match(/http:\S+/g)!.at(-1)!)
      const { page } = view
      const [resources, messages] = ['Resources', 'Messages'].map(name => page.getByRole('treegrid', { name }))

      const [status, , , channel, , , doorbell] = await guest.send(PERF, DESCRIBE, 0, LEVEL_SET)
      expect(status).toBe(0)
      const write = (level: number) => {
        guest.memory.view(channel!, 4).setUint32(0, level, true)
        guest.memory.view(doorbell!, 1).setUint8(0, 1)
      }
      const agents = page.getByRole('region', { name: 'Agents' })
      expect(await agents.getByRole('columnheader', { name: 'Channels' }).count()).toBe(0)
      write(600)
      const line = messages!.getByRole('row').filter({ hasText: 'PERFORMANCE_LEVEL_SET' })
      await line.filter({ hasText: 'performance_level 600' }).waitFor()
      expect(await line.getByRole('img', { name: 'fast channel' }).textContent()).toBe('↣')
      await agents.getByRole('columnheader', { name: 'Channels' }).waitFor()
      write(9999)
      await agents.getByText('1 (1 refused)').waitFor()
      await page.getByLabel('Kind', { exact: true }).selectOption('fast channel')
      write(1200)
      await line.filter({ hasText: 'performance_level 1200' }).waitFor()

      const shows = (property: string, value: string) =>
        resources!.getByRole('row').filter({ hasText: property }).filter({ hasText: value }).first().waitFor()
      for (const name of ['cpu', 'package', 'level_time']) {
        await resources!.getByRole('row').filter({ hasText: name }).first().click()
      }
      await shows('What agents write and read in shared memory', 'set level, limits; get level, limits')
      await shows('peak: Power that it may draw', '8 W')
      await shows('How agents read it', 'shmti')
      await shows('Events that agents enable and update together', 'package')
      expectQuiet(view)
    }),
  LIMIT_MS,
)
