import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { addPlugins } from '../../../src/loading/load.js'
import { pluginNames } from '../../../src/loading/plugins.js'
import { platformJsonSchema } from '../../../src/platform/file/config.js'
import { resourceKinds } from '../../../src/protocols/declaration/served.js'
import { protocols as standard } from '../../../src/protocols/index.js'

test('the schema for editors is up to date (npm run schema)', async () => {
  const protocols = await addPlugins(standard, pluginNames())
  const schema = platformJsonSchema(protocols, resourceKinds(protocols))
  const kept = readFileSync(join(import.meta.dirname, '../../../src/platform/platform.schema.json'), 'utf8')
  expect(kept).toBe(`${JSON.stringify(schema, undefined, 2)}\n`)
})
