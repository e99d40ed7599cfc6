import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { addPlugins, fileJsonSchema } from '../../../src/loading/load.js'
import { pluginNames } from '../../../src/loading/plugins.js'
import { protocols as standard } from '../../../src/protocols/index.js'

test('the schema for editors is up to date (npm run schema)', async () => {
  const protocols = await addPlugins(standard, pluginNames())
  const schema = fileJsonSchema(protocols)
  const kept = readFileSync(join(import.meta.dirname, '../../../src/platform/platform.schema.json'), 'utf8')
  expect(kept).toBe(`${JSON.stringify(schema, undefined, 2)}\n`)
})
