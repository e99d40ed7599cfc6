/** Records of runs for tests; the defaults are those of a scenario that passes. */
import type { KernelRecord, ResultRecord, RunRecord } from '../../qemu/runner/record.js'

export const result = (scenario: string, of: Partial<ResultRecord> = {}): ResultRecord => ({
  scenario,
  summary: `what ${scenario} is about`,
  kernel: '7.3',
  outcome: 'passed',
  asRecorded: true,
  ms: 1500,
  failures: [],
  steps: [],
  log: [],
  messages: [],
  reproduce: `scmi-lab run ${scenario} --kernel 7.3 --shell`,
  ...of,
})

export const failed = (scenario: string, what: string, of: Partial<ResultRecord> = {}): ResultRecord =>
  result(scenario, {
    outcome: 'failed',
    asRecorded: false,
    failures: [{ what, because: 'driver.c:scmi_probe', said: "got '<none>' & more" }],
    steps: [{ text: 'boot', atMs: 0 }],
    log: ['[    1.000000] lab: boot \x1b[31m'],
    messages: ['   0.500 base PROTOCOL_VERSION #1 {} → SUCCESS {version: 131073}'],
    ...of,
  })

export const recorded = (scenario: string, what: string, of: Partial<ResultRecord> = {}): ResultRecord =>
  failed(scenario, what, {
    asRecorded: true,
    finding: { fails: [what], symptom: 'It does not come back.', cause: 'Nobody probes it again.' },
    ...of,
  })

export const kernel = (label: string, of: Partial<KernelRecord> = {}): KernelRecord => ({
  label,
  source: label,
  release: `${label}.4`,
  variant: 'plain',
  patches: [],
  config: ['CONFIG_ARM_SCMI_PROTOCOL=y'],
  ...of,
})

export const runOf = (results: ResultRecord[], kernels = [kernel('7.3')]): RunRecord => ({
  format: 'scmi-lab run 1',
  began: '2026-01-02T03:04:05.000Z',
  ms: 12_345,
  command: 'scmi-lab run',
  versions: { QEMU: '10.0.2' },
  kernels,
  results,
})
