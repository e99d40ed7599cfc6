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

/** Splits a help text into sections with their lines; the lines before the first title have an empty one. */
function sectionsOf(help) {
  const sections = [{ title: '', lines: [] }]
  for (const line of help.trimEnd().split('\n')) {
    const [, title, rest] = /^([A-Z][A-Za-z ]*):(?: (.*))?$/.exec(line) ?? []
    // A table ends with a blank line; text follows.
    if (line === '' && isTable(sections.at(-1).title)) sections.push({ title: '', lines: [] })
    else if (title === undefined || (rest && title !== 'Usage')) sections.at(-1).lines.push(line)
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

const escaped = text =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(['.])/gm, '\\&$1')
const isTable = title => ['Options', 'Commands', 'Arguments'].includes(title)

function bodyOf({ title, lines }) {
  if (isTable(title)) return pairsOf(lines).flatMap(([term, text]) => ['.TP', `.B ${escaped(term)}`, escaped(text)])
  const text = escaped(lines.join('\n').trim())
  if (text === '') return []
  return lines.some(line => /^ {2}/.test(line)) ? ['.nf', text, '.fi'] : [text]
}

/** Each subcommand, followed by its own subcommands. */
function* subcommandsOf(program, words, help) {
  const commands = sectionsOf(help).find(({ title }) => title === 'Commands')
  for (const [term] of pairsOf(commands?.lines ?? [])) {
    const name = term.split(' ', 1)[0]
    if (name === 'help') continue
    const path = [...words, name]
    const text = output(program, [...path, '--help'])
    yield { path, sections: sectionsOf(text) }
    yield* subcommandsOf(program, path, text)
  }
}

function manPage(name, { program, summary, other }) {
  const help = output(program, ['--help'])
  const [, usage, ...rest] = sectionsOf(help)
  const [synopsis, ...about] = usage.lines
  const parts = [...subcommandsOf(program, [], help)].flatMap(({ path, sections: [, usage, ...rest] }) => [
    `.SS ${escaped(`${name} ${path.join(' ')}`)}`,
    ...['.nf', escaped(usage.lines[0]), '.fi', '.PP', ...bodyOf({ title: '', lines: usage.lines.slice(1) })],
    ...rest.flatMap(section => ['.PP', ...(section.title ? [`.I ${section.title}`, '.PP'] : []), ...bodyOf(section)]),
  ])
  return [
    `.TH ${name.toUpperCase()} 1 "" "vhost-user-scmi ${version}" "User Commands"`,
    ...['.SH NAME', `${escaped(name)} \\- ${escaped(summary)}`],
    ...['.SH SYNOPSIS', '.nf', escaped(synopsis), '.fi', '.SH DESCRIPTION', ...bodyOf({ title: '', lines: about })],
    ...rest.flatMap(section => [
      ...(section.title ? [`.SH ${section.title.toUpperCase()}`] : ['.PP']),
      ...bodyOf(section),
    ]),
    ...['.SH SUBCOMMANDS', ...parts, '.SH SEE ALSO', `.BR ${escaped(other)} (1)`, ''],
  ].join('\n')
}

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
  write(join(system, 'share/man/man1', `${name}.1`), manPage(name, command))
}
const { program } = commands['vhost-user-scmi']
const script = shell => output(program, ['ctl', 'completion', shell])
write(join(system, 'share/bash-completion/completions/vhost-user-scmi'), script('bash'))
// zsh sources the file at the first Tab, and expects it to complete at once.
const loaded = script('zsh').replace(/\(\( \$\+functions[\s\S]*/, '_vhost_user_scmi "$@"\n')
write(join(system, 'share/zsh/site-functions/_vhost-user-scmi'), loaded)
cpSync(at('src/systemd'), join(system, 'lib/systemd/system'), { recursive: true })
