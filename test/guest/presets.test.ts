/**
 * Linux boots on every preset without a complaint from any scmi driver but those that the board causes, too, with its
 * consumers and without.
 */
import { beforeAll, expect, test } from 'vitest'
import { boot } from '../../qemu/boot/boot.js'
import { loadConsumers } from '../../qemu/guest/view/consumers.js'
import { presetNames } from '../../src/platform/file/presets.js'
import { BOARDS } from './boards.js'
import { complaints } from './complaints.js'
import { KERNEL_LIMIT_MS, testKernel } from './kernel.js'

/** A guest of many clocks and sensors asks for each of them. */
const BOOT_LIMIT_MS = 240_000
const LIMIT_MS = 300_000

let kernel: string
beforeAll(async () => {
  kernel = await testKernel()
}, KERNEL_LIMIT_MS)

test.each(presetNames())(
  '%s',
  async platform => {
    const { cpus = 2, known, check } = BOARDS[platform] ?? {}
    const guest = await boot({ kernel, platform, cpus, limitMs: BOOT_LIMIT_MS })
    const unknown = async () => (await complaints(guest)).filter(text => !known?.test(text))
    try {
      const dmesg = await guest.dmesg()
      const secondsAt = (text: string): number =>
        Number(new RegExp(`^\\[ *([\\d.]+)\\] .*${text}`, 'm').exec(dmesg)?.[1])
      const seconds = secondsAt('Run /init') - secondsAt('Using scmi-virtio')
      const { messages, internalErrors } = guest.server!.device.stats()
      console.log(
        `${platform}: ${messages} messages, ${seconds.toFixed(3)} s from the start of probing to that of init`,
      )
      expect(await unknown()).toEqual([])
      if (known) expect(await complaints(guest), 'the known complaint').not.toEqual([])
      await check?.(guest)
      await loadConsumers(guest)
      expect(await unknown()).toEqual([])
      expect(internalErrors).toBe(0)
    } finally {
      await guest.close()
    }
  },
  LIMIT_MS,
)
