/** Writes the licences of bundled third-party code beside a bundle, from esbuild's list of inputs. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const licenceFile = /^(licen[cs]e|copying|notice)(\.|$)/i

/** The package folder that a file in node_modules belongs to. */
function packageOf(input) {
  const [, folder] = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input) ?? []
  return folder
}

/** The licence text for the packages in some metafiles with paths below `root`. */
export function thirdParty(root, metafiles) {
  const inputs = metafiles.flatMap(({ inputs }) => Object.keys(inputs))
  const folders = [...new Set(inputs.map(packageOf).filter(Boolean))].sort()
  return folders.map(folder => describe(join(root, folder))).join(`\n${'-'.repeat(80)}\n\n`)
}

function describe(folder) {
  const { name, version, license, author } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const files = readdirSync(folder).filter(name => licenceFile.test(name))
  const texts = files.map(file => readFileSync(join(folder, file), 'utf8').trim())
  const holder = typeof author === 'object' ? author.name : author
  return [`${name} ${version}, ${license}${holder ? `, by ${holder}` : ''}`, ...texts, ''].join('\n\n')
}

/** Writes THIRD-PARTY.txt into a bundle's folder. */
export function writeThirdParty(folder, root, metafiles) {
  const text = thirdParty(root, metafiles)
  const file = join(folder, 'THIRD-PARTY.txt')
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileSync(file, text)
}
