/** `--faults`, of all commands that start a device. */
import { Option } from 'commander'

export const faultsOption = new Option(
  '--faults <file>',
  'misbehave by the fault rules of this file, a YAML or JSON list, from the first message on; they come before those of the platform file',
)
