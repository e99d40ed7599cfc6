/** KTAP version 1 (Linux, Documentation/dev-tools/ktap.rst): a test for each kernel, a subtest for each scenario. */
import { differs, type KernelRecord, type ResultRecord, type RunRecord } from '../record.js'
import { plainText } from './markup.js'
import { evidenceLines } from './text.js'

export function ktapText({ kernels, results }: RunRecord): string {
  const tests = kernels.flatMap((kernel, index) =>
    kernelLines(
      index + 1,
      kernel,
      results.filter(result => result.kernel === kernel.label),
    ),
  )
  return `${['KTAP version 1', `1..${kernels.length}`, ...tests].join('\n')}\n`
}

function kernelLines(number: number, { label, release }: KernelRecord, results: ResultRecord[]): string[] {
  const subtests = [
    'KTAP version 1',
    `# Subtest: ${label} (Linux ${release})`,
    `1..${results.length}`,
    ...results.flatMap((result, index) => resultLines(index + 1, result)),
  ]
  const ok = results.some(differs) ? 'not ok' : 'ok'
  return [...subtests.map(line => `  ${line}`), `${ok} ${number} ${label} (Linux ${release})`]
}

/** Diagnostics come before their result line; a recorded failure is an expected one. */
function resultLines(number: number, result: ResultRecord): string[] {
  const diagnosis = differs(result) ? evidenceLines(result).flatMap(line => plainText(line).split('\n')) : []
  const ok = differs(result) ? 'not ok' : 'ok'
  return [...diagnosis.map(line => `# ${line}`.trimEnd()), `${ok} ${number} ${result.scenario}${directive(result)}`]
}

function directive({ outcome, asRecorded, misfit, finding }: ResultRecord): string {
  if (outcome === 'unfit') return ` # SKIP ${misfit}`
  if (outcome === 'failed' && asRecorded) return ` # XFAIL ${finding!.symptom.trim().replaceAll(/\s+/g, ' ')}`
  return ''
}
