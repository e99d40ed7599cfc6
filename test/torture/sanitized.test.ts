/** Checks that tests load the addon that was asked for: with sanitizers or without. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { addonCompiler } from '../../src/device/native.js'

it('the addon has sanitizers if they were asked for, and only then', () => {
  expect(addonCompiler()).not.toBe('') // loads it
  const maps = readFileSync('/proc/self/maps', 'utf8')
  const loaded = /build\/(\w+)\/vhost_user_scmi\.node/.exec(maps)?.[1]
  const sanitized = process.env.SCMI_SANITIZED !== undefined
  expect(loaded).toBe(sanitized ? 'Debug' : 'Release')
  expect(maps.includes('libasan')).toBe(sanitized)
})
