/** Keys of the platform file that the loader adds to those of the platform: they need the protocols. */
import { fileRules } from '../faults/rules/rule.js'

export const FILE_KEYS = {
  faults: fileRules
    .default([])
    .describe('Fault rules from the first message on: which messages the device answers wrongly, late or not at all'),
}
