/** All findings as a Markdown table for qemu/README.md: symptom, cause, and a command that shows it. */
import semver from 'semver'
import { DEBIAN_KERNELS } from '../../kernel/source.js'
import type { Finding } from '../findings.js'
import type { Entry } from '../load.js'

export function findingsTable(entries: readonly Entry[]): string {
  const known = new Map<Finding, Entry[]>()
  for (const entry of entries) {
    for (const finding of entry.findings) known.set(finding, [...(known.get(finding) ?? []), entry])
  }
  const rows = [...known].map(([finding, about]) =>
    [namesOf(about, entries), kernelsOf(finding), finding.symptom, finding.cause, `\`${commandOf(finding, about)}\``]
      .map(text => text.trim().replaceAll(/\s+/g, ' ').replaceAll('|', '\\|'))
      .join(' | '),
  )
  return [
    '| scenario | Linux | what one sees | cause | try it |',
    '|---|---|---|---|---|',
    ...rows.map(row => `| ${row} |`),
  ].join('\n')
}

/** The scenarios that a finding is about: a file's name if it is about all scenarios of the file. */
function namesOf(about: readonly Entry[], entries: readonly Entry[]): string {
  const { file } = about[0]!
  const isAll = entries.filter(entry => entry.file === file).length === about.length
  return isAll ? file : about.map(({ name }) => name).join(', ')
}

function kernelsOf({ kernels, variants, arch, patched, unpatched }: Finding): string {
  return [
    kernels,
    ...(variants ? [variants.join(', ')] : []),
    ...(arch ? [arch] : []),
    ...(patched ? [`with "${patched}"`] : []),
    ...(unpatched ? [`without "${unpatched}"`] : []),
  ].join('; ')
}

/** The newest of the lab's kernels that a finding is about. */
function commandOf({ kernels, variants, arch, patched }: Finding, [first]: readonly Entry[]): string {
  const kernel = Object.keys(DEBIAN_KERNELS).find(name => semver.intersects(kernels, `~${name}.0`))
  return [
    `scmi-lab run ${first!.name}`,
    ...(kernel ? [`--kernel ${kernel}`] : []),
    ...(variants ? [`--variant ${variants[0]}`] : []),
    ...(arch ? [`--arch ${arch}`] : []),
    ...(patched ? ['--patch …'] : []),
  ].join(' ')
}
