import pino from 'pino'
import { expect, it } from 'vitest'
import { LimitedLog } from '../../src/support/limited-log.js'

const WRITES = 100

/** The lines that remain of `WRITES` equal ones at each level, where the log shows `shown` and above. */
function linesAt(shown: string): { level: number; msg: string }[] {
  const lines: { level: number; msg: string }[] = []
  const log = new LimitedLog(pino({ level: shown, base: null }, { write: line => lines.push(JSON.parse(line)) }))
  for (let i = 0; i < WRITES; i++) {
    log.info(`hello ${i}`)
    log.warn(`beware ${i}`)
    log.error(`broken ${i}`)
  }
  log.close()
  return lines
}

it.each([
  ['info', 'hello', 30],
  ['warn', 'beware', 40],
  ['error', 'broken', 50],
])('the count of omitted lines has their level: %s', (_, text, level) => {
  const lines = linesAt('info').filter(({ msg }) => msg.includes(text))
  const [count] = lines.splice(-1)
  expect(count).toMatchObject({ level, msg: expect.stringMatching(/^\d+ more lines like this were omitted: /) })
  expect(lines.length + Number.parseInt(count!.msg, 10)).toBe(WRITES)
})

it('texts that share a limit are counted at the level of the gravest', () => {
  const lines: { level: number; msg: string }[] = []
  const log = new LimitedLog(pino({ base: null }, { write: line => lines.push(JSON.parse(line)) }))
  // More texts than have limits of their own.
  for (let i = 0; i < WRITES; i++) log.info(String.fromCharCode(0x4e00 + i))
  log.error('broken')
  log.info('hello')
  log.close()
  expect(lines.at(-1)).toMatchObject({ level: 50, msg: expect.stringMatching(/were omitted: broken$/) })
})

it('omitted lines that the log does not show are not counted in it either', () => {
  expect(linesAt('warn').some(({ msg }) => msg.includes('hello'))).toBe(false)
})
