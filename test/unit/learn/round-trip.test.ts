/** From a platform through the kernel's trace of its probing to a learned platform, which must answer the same. */
import { describe, expect, test } from 'vitest'
import { presetNames, readPlatformText } from '../../../src/platform/file/presets.js'
import { kernelTrace } from '../../support/kernel-probe.js'
import { askedAgain, learnText, linesOf, probePlatform } from './learning.js'

describe('every preset is learned as it answers', () => {
  test.each(presetNames())('%s', async preset => {
    const { text } = readPlatformText(preset)
    const probed = await probePlatform(text)
    const learned = await learnText(kernelTrace(probed), { plugins: text.includes('plugins: [imx]') ? ['imx'] : [] })
    expect(linesOf(await askedAgain(learned.text, probed))).toEqual(linesOf(probed))
    expect(learned.differing).toBe(0)
  })
})
