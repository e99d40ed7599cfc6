import { family } from '../../runner/scenario.js'

const DRIVER = 'sm-misc.c:scmi_imx_misc_get_reason names the reasons of the chip that the root node says it is'
/** The driver has a table of 32 names for an i.MX95. */
const NAMES = ['cm33_lockup', 'cm33_swreq', 'cm7_lockup', 'cm7_swreq', 'fccu']
const LOG = [0x11, 0x22, 0x33, 0x44, 0x55]
const MISC = 0x84
const RESET_REASON = 0xa
/** A boot reason that is valid, by its number: word 2 of the reply. */
const bootReason = (reason: number) => ({ 2: (0x8000_0000 | reason) >>> 0 })

interface Member {
  summary: string
  reason: number
  says: RegExp
}

export default family<Member>(
  {
    known: {
      summary: 'an i.MX95 says why it booted and was shut down: the driver names both; its log can be read as a file',
      reason: 4,
      says: /Boot reason: fccu, origin/,
    },
    unknown: {
      summary: 'a boot reason beyond the names that the driver has: the driver says that it does not know it',
      reason: 40,
      says: /Boot reason: (unknown|40)\b/,
    },
  },
  ({ summary, reason, says }) => ({
    summary,
    onlyInAll: true,
    platform: {
      vendor: 'NXP',
      sub_vendor: 'IMX',
      plugins: ['imx'],
      imx_misc: {
        reasons: NAMES,
        boot_reason: { reason: 4, origin: 2 },
        shutdown_reason: { reason: 0, error: 3 },
        log: LOG,
      },
    },
    machine: {
      devices: [{ isPlugged: false }],
      deviceTreeSource: '/ { compatible = "fsl,imx95", "linux,dummy-virt"; };',
    },
    kernel: { releases: '>=7.3', config: ['CONFIG_ARM64=y'] },
    async run(t) {
      t.server.faults.add({ protocol: MISC, message: RESET_REASON, words: bootReason(reason) })
      await t.step('plug in the device')
      await t.plug()
      await t.expect('the driver says why it booted', {
        because: DRIVER,
        got: () => t.call('said', ['SYS Boot reason']),
        is: says,
        withinMs: 15_000,
      })
      await t.expect('and why it was shut down', {
        because: DRIVER,
        got: () => t.guest.console,
        is: /shutdown reason: cm33_lockup, origin: -1, errid: 3/,
      })
      await t.expect('its log is in a file', {
        because: 'sm-misc.c:syslog_show',
        got: () => t.call('syslog'),
        is: LOG.map(word => word.toString(16).padStart(8, '0')).join(' '),
      })
    },
  }),
)
