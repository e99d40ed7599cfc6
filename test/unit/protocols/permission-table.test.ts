/** No command reads, changes, subscribes to or names a denied resource, wherever in its request the id is. */
import { describe, expect, test } from 'vitest'
import { Random } from '../../driver/random.js'
import { isIdField } from '../../support/permission-site.js'
import { commandsOfAll, permissionTable, titleOf, tryRandomly, tryRow } from '../../support/permission-table.js'

const random = new Random()
console.info(`permissions: FUZZ_SEED=${random.seed}`)

const rows = permissionTable()

test('the table has every word of a request that is an id', () => {
  const fields = commandsOfAll().flatMap(({ command }) =>
    command.request.map(field => ('name' in field ? field.name : '')),
  )
  const ids = [...new Set(fields.filter(isIdField))].sort()
  expect(ids).toEqual([
    'clock_id',
    'cpu_id',
    'ctrl_id',
    'de_id',
    'domain_id',
    'function_id',
    'identifier',
    'lm_id',
    'parent_id',
    'rtc_id',
    'sensor_id',
  ])
  expect(rows.length).toBeGreaterThan(600)
})

describe.each([...new Set(rows.map(({ protocol }) => protocol.name))])('%s', name => {
  const ofProtocol = rows.filter(({ protocol }) => protocol.name === name)
  test.each(ofProtocol.map(row => [titleOf(row), row] as const))('%s', (_, row) => {
    expect(tryRow(row).problems).toEqual([])
  })
})

test('random messages of all protocols neither reveal nor change anything denied', () => {
  for (let round = 0; round < 20; round++) expect(tryRandomly(random, 2000).problems).toEqual([])
})
