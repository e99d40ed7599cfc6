import { expect, test } from 'vitest'
import { parseMessage } from '../../../src/access/web/requests.js'
import { RequestError } from '../../../src/support/errors.js'

const withRule = (rule: string) => `{"op": "addFault", "id": 1, "request": {"rule": ${rule}}}`

test.each([
  ['lists', '['.repeat(100_000) + ']'.repeat(100_000)],
  ['maps', `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`],
])('a request of a page with deeply nested %s is refused', (_, rule) => {
  expect(() => parseMessage(withRule(rule))).toThrow(
    new RequestError('INVALID_ARGUMENT', 'lists and maps are nested more than 20 deep'),
  )
  expect(parseMessage(withRule('{"fields": {"a": [{"b": 1}]}}'))).toMatchObject({ op: 'addFault' })
})
