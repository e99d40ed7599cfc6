/** Rings that break a rule, on a served platform: only that queue stops, with one line in the log. */
import { expect, it } from 'vitest'
import { POISON } from '../../src/front-end/driver.js'
import { until } from '../../src/front-end/wait.js'
import { sys } from '../driver/syscalls.js'
import { SIZE, VIOLATIONS } from '../driver/violations.js'
import { createSite, postEventBuffers } from './site.js'

const BASE = 0x10
const CLOCK = 0x14

it.each(VIOLATIONS)('$name', async ({ options = {}, commit, says }) => {
  const { withoutFeatures = [], ...guest } = options
  const site = await createSite({ size: SIZE, eventSize: SIZE, native: { withoutFeatures }, ...guest })
  const { driver, memory } = site.hostile
  postEventBuffers(site.hostile, 2)
  const buffer = memory.allocate(4096, 16)
  memory.fill(buffer, 4096, POISON)
  sys.readEvent(driver.cmdq.error)
  commit(site.hostile, buffer)
  driver.cmdq.kickNow()
  await until(() => site.log.some(({ level }) => level === 'error'), 'a line in the log')

  expect(sys.readEvent(driver.cmdq.error)).toBe(1)
  expect(driver.cmdq.usedIdx).toBe(0)
  const [line, ...others] = site.complaints()
  expect(line).toMatch(/^command queue stopped, the driver broke a rule: /)
  if (says) expect(line).toMatch(says)
  expect(others).toEqual([])
  await site.expectUnharmed()
})

it('the event queue of a guest whose command queue is stopped still works', async () => {
  const site = await createSite()
  const { hostile, bystander } = site
  postEventBuffers(hostile, 2)
  expect(await hostile.send(CLOCK, 0x9, 1, 1)).toEqual([0])
  hostile.driver.cmdq.storeIdx(0x4000)
  hostile.driver.cmdq.kickNow()
  await until(() => site.complaints().length > 0, 'a line in the log')
  expect(await bystander.send(CLOCK, 0x5, 0, 1, 48e6, 0)).toEqual([0])
  await until(() => hostile.driver.eventq.usedIdx === 1, 'the notification')
  expect(hostile.events()[0]?.slice(1)).toEqual([2, 1, 48e6, 0])
})

it('the command queue of a guest whose event queue is stopped still works, and delayed responses wait', async () => {
  const site = await createSite()
  const { hostile, server } = site
  hostile.driver.eventq.storeIdx(0x4000)
  hostile.driver.eventq.kickNow()
  await until(() => site.complaints().length > 0, 'a line in the log')
  expect(await hostile.send(CLOCK, 0x5, 1, 1, 48e6, 0)).toEqual([0])
  expect(await hostile.send(BASE, 0)).toEqual([0, 0x20001])
  await until(() => server.stats()[0]!.notificationsWaiting === 1, 'the delayed response')
  expect(site.complaints()).toEqual([])
  await site.expectUnharmed()
})
