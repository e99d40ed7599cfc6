/**
 * Makes dist/system: files that a distribution's package installs beside the program, below a prefix such as /usr. Man
 * pages are made from --help; completions and systemd units. Part of `npm pack`.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const at = (...parts) => join(root, ...parts)
const { version, description } = JSON.parse(readFileSync(at('package.json'), 'utf8'))

/** Day of the pages; SOURCE_DATE_EPOCH makes builds repeatable (reproducible-builds.org). */
const { SOURCE_DATE_EPOCH: epoch } = process.env
const released = (epoch ? new Date(Number(epoch) * 1000) : new Date()).toISOString().slice(0, 10)

const runtimeFolder = '/run/user/1000'
const commands = {
  'vhost-user-scmi': { program: at('dist/src/cli.js'), summary: description, other: 'scmi-lab' },
  'scmi-lab': {
    program: at('dist/qemu/cli.js'),
    summary: 'builds kernels and boots them in QEMU against the virtual SCMI platform',
    other: 'vhost-user-scmi',
  },
}

function output(program, words) {
  // Paths of the packager's machine must not get into man pages.
  const env = { ...process.env, XDG_RUNTIME_DIR: runtimeFolder, NO_COLOR: '1' }
  const text = execFileSync(process.execPath, [program, ...words], { encoding: 'utf8', env })
  return text.replaceAll(runtimeFolder, '$XDG_RUNTIME_DIR')
}

/** Sections that begin in the line of their title. */
const WITH_TEXT = ['Usage', 'Exit codes']

/** Splits a help text into sections with their lines; the lines before the first title have an empty one. */
function sectionsOf(help) {
  const sections = [{ title: '', lines: [] }]
  for (const line of help.trimEnd().split('\n')) {
    const [, title, rest] = /^([A-Z][A-Za-z ]*):(?: (.*))?$/.exec(line) ?? []
    // A table ends with a blank line; text follows.
    if (line === '' && isTable(sections.at(-1).title)) sections.push({ title: '', lines: [] })
    else if (title === undefined || (rest && !WITH_TEXT.includes(title))) sections.at(-1).lines.push(line)
    else sections.push({ title, lines: rest ? [rest] : [] })
  }
  return sections
}

/** Pairs from lines of "term  description", whose description may continue on the next lines. */
function pairsOf(lines) {
  const pairs = []
  for (const line of lines) {
    const [, term, text] = /^ {2}(\S.*?)(?: {2,}(.*))?$/.exec(line) ?? []
    if (term !== undefined) pairs.push([term, text ?? ''])
    else if (line.trim() && pairs.length > 0) pairs.at(-1)[1] += ` ${line.trim()}`
  }
  return pairs
}

/** Characters that troff would print as others: people copy commands out of the page. */
const GLYPHS = { '\\': '\\e', '-': '\\-', '~': '\\(ti', '^': '\\(ha', '`': '\\(ga', "'": '\\(aq' }
const escaped = text => text.replace(/[\\~^`'-]/g, character => GLYPHS[character]).replace(/^\./gm, '\\&.')
const isTable = title => ['Options', 'Commands', 'Arguments'].includes(title)

function bodyOf({ title, lines }) {
  if (isTable(title)) return pairsOf(lines).flatMap(([term, text]) => ['.TP', `.B ${escaped(term)}`, escaped(text)])
  return paragraphsOf(lines).flatMap(({ isCode, lines }) => {
    const text = escaped(lines.join('\n'))
    return isCode ? ['.RS 2', '.nf', text, '.fi', '.RE'] : ['.PP', text]
  })
}

/** Indented lines are code and stay as they are; others are text. */
function paragraphsOf(lines) {
  const paragraphs = []
  for (const line of lines) {
    const isCode = line.startsWith('  ')
    if (paragraphs.at(-1)?.isCode !== isCode && line) paragraphs.push({ isCode, lines: [] })
    if (line) paragraphs.at(-1).lines.push(isCode ? line.slice(2) : line)
  }
  return paragraphs
}

/** Each subcommand, followed by its own subcommands; without what the parent's help says too, such as its options. */
function* subcommandsOf(program, words, help) {
  const above = sectionsOf(help)
  const said = new Set(above.map(section => JSON.stringify(section)))
  const commands = above.find(({ title }) => title === 'Commands')
  for (const [term] of pairsOf(commands?.lines ?? [])) {
    const name = term.split(' ', 1)[0]
    if (name === 'help') continue
    const path = [...words, name]
    const text = output(program, [...path, '--help'])
    const isNew = section => section.title !== 'Global Options' && !said.has(JSON.stringify(section))
    yield { path, sections: sectionsOf(text).filter(isNew) }
    yield* subcommandsOf(program, path, text)
  }
}

function manPage(name, { program, summary, other }) {
  const help = output(program, ['--help'])
  const [usage, ...rest] = sectionsOf(help).filter(({ lines }) => lines.length > 0)
  const [synopsis, ...about] = usage.lines
  const parts = [...subcommandsOf(program, [], help)].flatMap(({ path, sections }) => {
    const [usage, ...rest] = sections.filter(({ lines }) => lines.length > 0)
    return [
      `.SS ${escaped(`${name} ${path.join(' ')}`)}`,
      ...[escaped(usage.lines[0]), ...bodyOf({ title: '', lines: usage.lines.slice(1) })],
      ...rest.flatMap(section => [...(section.title ? ['.PP', `.I ${section.title}`] : []), ...bodyOf(section)]),
    ]
  })
  return [
    `.TH ${name.toUpperCase()} 1 "${released}" "vhost-user-scmi ${version}" "User Commands"`,
    ...['.SH NAME', `${escaped(name)} \\- ${escaped(summary)}`],
    ...['.SH SYNOPSIS', escaped(synopsis), '.SH DESCRIPTION', ...withoutFirst(bodyOf({ title: '', lines: about }))],
    ...rest.flatMap(section =>
      section.title ? [`.SH ${section.title.toUpperCase()}`, ...withoutFirst(bodyOf(section))] : bodyOf(section),
    ),
    ...['.SH SUBCOMMANDS', ...parts, '.SH SEE ALSO', `.BR ${escaped(other)} (1)`, ''],
  ].join('\n')
}

/** A heading begins a paragraph. */
const withoutFirst = body => (body[0] === '.PP' ? body.slice(1) : body)

function write(path, text) {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

const system = at('dist/system')
const changed = path => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
const isCurrent =
  changed(join(system, 'lib')) > Math.max(changed(at('dist/src/cli.js')), changed(fileURLToPath(import.meta.url)))
if (isCurrent) process.exit()
rmSync(system, { recursive: true, force: true })
for (const [name, command] of Object.entries(commands)) {
  const script = shell => output(command.program, ['completion', shell])
  write(join(system, 'share/man/man1', `${name}.1`), manPage(name, command))
  write(join(system, 'share/bash-completion/completions', name), script('bash'))
  write(join(system, 'share/zsh/site-functions', `_${name}`), script('zsh'))
}
cpSync(at('src/systemd'), join(system, 'lib/systemd/system'), { recursive: true })
