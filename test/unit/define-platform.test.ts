import { definePlatform, loadPlatform } from 'vhost-user-scmi'
import { expect, test } from 'vitest'
import { clocks } from '../../src/platform/clocks/index.js'

test('a platform defined in a program equals one from a file with the same content', async () => {
  const { platform } = await loadPlatform(
    definePlatform({ vendor: 'acme', clocks: [{ name: 'uart', rate: '24 MHz' }] }),
  )
  expect(platform.config.vendor).toBe('acme')
  expect(platform.model(clocks).named('uart').rateHz).toBe(24e6)
})

test('errors are reported as for a file', async () => {
  const wrong = loadPlatform(definePlatform({ vendor: 'acme', clocks: [{ name: 'uart', rate: 'fast' }] }))
  await expect(wrong).rejects.toThrow(/^definePlatform:4:11: clocks\[0\]\.rate: fast is not a frequency/)
})
