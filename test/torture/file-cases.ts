/**
 * Bad files and names for the command: each case writes its files into a folder of its own and returns the command's
 * arguments. files.ts runs the cases.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface FileCase {
  name: string
  /** Writes the files; returns the arguments. */
  arguments(folder: string): string[]
  /** `refused`: one line and exit code 2; `fine`: it does its work; `either`: one of the two. */
  ends: 'refused' | 'fine' | 'either'
}

const DEEP = 100_000
const MANY = 100_000
const CHAIN = 9000
/** Characters in a platform file of the largest size, less the text around them. */
const SHORT = 980_000
const LARGE = 2 ** 30
/** Properties that every JavaScript object has. */
const INHERITED = ['constructor', '__proto__', 'toString', 'hasOwnProperty']

const lines = (count: number, line: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => line(i)).join('\n')
const nested = (open: string, close: string, count = DEEP): string => open.repeat(count) + close.repeat(count)

/** Platform files that are wrong or very large. */
function platformTexts(): [name: string, text: string, ends: FileCase['ends']][] {
  const v = 'vendor: acme\n'
  const laughs = lines(9, i =>
    i === 0 ? 'a0: &a0 [x, x, x, x, x, x, x, x, x]' : `a${i}: &a${i} [${`*a${i - 1}, `.repeat(9)}]`,
  )
  return [
    ['nested lists, YAML', `${v}devices: ${nested('[', ']')}`, 'refused'],
    ['nested lists without end', `${v}devices: ${'['.repeat(DEEP)}`, 'refused'],
    ['nested maps, YAML', `${v}devices: ${nested('{a: ', '}')}`, 'refused'],
    ['nested lists as a block', `${v}devices:\n  ${'- '.repeat(DEEP)}x`, 'refused'],
    ['nested maps as a block', `${v}${lines(2000, i => `${' '.repeat(i)}a:`)}`, 'refused'],
    ['nested keys', `${v}${'? '.repeat(DEEP)}x`, 'refused'],
    ['nested lists as a key', `${v}? ${nested('[', ']')}\n: 1`, 'refused'],
    ['nested lists in a resource', `${v}clocks: [{ name: a, rates: ${nested('[', ']', 5000)} }]`, 'refused'],
    ['nested lists, JSON', `{"vendor": "acme", "clocks": ${nested('[', ']')}}`, 'refused'],
    ['nested maps, JSON', `{"vendor": "acme", "clocks": ${'{"a": '.repeat(DEEP)}1${'}'.repeat(DEEP)}}`, 'refused'],
    ['nested anchors', `${v}a: ${lines(DEEP, i => ` &a${i} [`)}`, 'refused'],
    ['alias within itself', 'a: &x [*x]', 'refused'],
    ['alias within itself, in a section', `${v}clocks: &x [{ name: a, rate: 1, parents: *x }]`, 'refused'],
    ['alias within itself, as a map', `${v}agents: &x { a: *x }`, 'refused'],
    ['alias of the whole file', `&x\n${v}devices: [*x]`, 'refused'],
    ['alias chain', `${v}a: &a0 [x]\n${lines(MANY / 10, i => `b${i}: &a${i + 1} [*a${i}]`)}`, 'refused'],
    ['billion laughs', `${v}${laughs}`, 'refused'],
    [
      'billion laughs, as maps',
      `${v}${lines(9, i => (i === 0 ? 'a0: &a0 { a: 1 }' : `a${i}: &a${i} { ${lines(9, k => `k${k}: *a${i - 1},`).replaceAll('\n', ' ')} }`))}`,
      'refused',
    ],
    ['merge keys', `${v}a: &a { a: 1 }\nb: { <<: *a }`, 'refused'],
    ['many unknown keys', `${v}${lines(MANY, i => `k${i}: 1`)}`, 'refused'],
    ['many unknown keys of a resource', `${v}clocks: [{ name: a, ${lines(MANY, i => ` k${i}: 1,`)} }]`, 'refused'],
    ['many wrong entries', `${v}clocks:\n${lines(MANY, () => '- 1')}`, 'refused'],
    ['many resources with wrong keys', `${v}clocks:\n${lines(MANY / 5, i => `- { nam: c${i}, rat: 1 }`)}`, 'refused'],
    ['many aliases', `${v}a: &a 1\nb:\n${lines(MANY, () => '- *a')}`, 'refused'],
    ['the same key many times', `${v}${lines(MANY, () => 'a: 1')}`, 'refused'],
    ['many documents', lines(MANY, () => '---\na: 1'), 'refused'],
    ['many errors', lines(MANY, () => '"a" b'), 'refused'],
    ['a long line', `${v}description: "${'x'.repeat(20 * 2 ** 20)}"`, 'refused'],
    ['a long key', `${v}${'x'.repeat(100_000)}: 1`, 'refused'],
    ['a long number', `${v}seed: ${'9'.repeat(100_000)}`, 'refused'],
    [
      'long quantities',
      `${v}clocks: [{ name: a, rate: ${'9'.repeat(100_000)}.${'9'.repeat(100_000)} MHz }]`,
      'refused',
    ],
    ['comments alone', '# x\n'.repeat(2_000_000), 'refused'],
    ['nothing', '', 'refused'],
    ['a scalar', '5', 'refused'],
    ['zero bytes', '\0'.repeat(1000), 'refused'],
    ['control characters', '\x1b[2J: \x07', 'refused'],
    ['unknown tags', `${v}a: !!js/function 'x'\n`, 'refused'],
    ['a date as a key', `${v}? !!timestamp 2001-01-01\n: 1`, 'refused'],
    [
      'repeat of large entries',
      `${v}clocks: [{ repeat: 100000, name: 'c{i}', rates: [${lines(2000, i => ` ${i + 1},`)}] }]`,
      'refused',
    ],
    [
      'repeat of long texts',
      `${v}pinctrl: { pins: [{ repeat: 50000, name: '{i}${'x'.repeat(100_000)}' }] }`,
      'refused',
    ],
    [
      'repeat of many placeholders',
      `${v}description: x\nclocks: [{ repeat: 50000, name: '${'{i}'.repeat(5000)}' }]`,
      'refused',
    ],
    ['repeat within repeat', `${v}clocks: [{ repeat: 1000, a: [{ repeat: 1000, a: [{ repeat: 1000 }] }] }]`, 'refused'],
    ['repeat of lists', `${v}clocks: [{ repeat: 100000, a: [${'[],'.repeat(5000)}] }]`, 'refused'],
    [
      'repeat of an alias',
      `${v}x: &x [${'1,'.repeat(5000)}]\nclocks: [{ repeat: 100000, name: 'a{i}', rates: *x }]`,
      'refused',
    ],
    [
      'clocks below each other',
      `${v}clocks:\n- { name: c0, rate: 1 }\n${lines(CHAIN, i => `- { name: c${i + 1}, parents: [c${i}], divider: [1, 2] }`)}`,
      'either',
    ],
    [
      'clocks above each other',
      `${v}clocks:\n${lines(CHAIN, i => `- { name: c${i}, parents: [c${i + 1}], divider: [1, 2] }`)}\n- { name: c${CHAIN}, rate: 1 }`,
      'either',
    ],
    [
      'a ring of clocks',
      `${v}clocks:\n${lines(CHAIN, i => `- { name: c${i}, parents: [c${(i + 1) % CHAIN}], divider: [1, 2] }`)}`,
      'refused',
    ],
    [
      'power caps below each other',
      `${v}powercaps:\n${lines(CHAIN, i => `- { name: c${i}, cap_range: { min: 1, max: 9, step: 1 }${i ? `, parent: c${i - 1}` : ''} }`)}`,
      'either',
    ],
    [
      'power caps above each other',
      `${v}powercaps:\n${lines(CHAIN, i => `- { name: c${i}, cap_range: { min: 1, max: 9, step: 1 }${i < CHAIN - 1 ? `, parent: c${i + 1}` : ''} }`)}`,
      'either',
    ],
    [
      'power domains below each other',
      `${v}power_domains:\n${lines(CHAIN, i => `- { name: p${i}${i ? `, parents: [p${i - 1}]` : ''} }`)}`,
      'either',
    ],
    [
      'power domains above each other',
      `${v}power_domains:\n${lines(CHAIN, i => `- { name: p${i}${i < CHAIN - 1 ? `, parents: [p${i + 1}]` : ''} }`)}`,
      'either',
    ],
    [
      'clocks below one',
      `${v}clocks: [{ name: c, rate: 1 }, { repeat: 60000, name: 'c{i}', parents: [c], divider: [1] }]`,
      'either',
    ],
    [
      'an agent that sees many',
      `${v}clocks: [{ repeat: ${CHAIN}, name: 'c{i}', rate: 1 }]\nagents: [{ name: a, resources: { clocks: [${lines(CHAIN, i => ` c${i},`)}] } }]`,
      'either',
    ],
    ['many agents', `${v}agents: [{ repeat: 65000, name: 'a{i}', socket: x }]`, 'refused'],
    ['many plug-ins', `${v}plugins: [${lines(MANY, i => ` ./x${i}.mjs,`)}]`, 'refused'],
    // As many as fit a file of the largest size.
    ['lists as short as can be', `${v}clocks: [${'[],'.repeat(SHORT / 3)}]`, 'refused'],
    ['numbers as short as can be', `${v}seed: [${'1,'.repeat(SHORT / 2)}]`, 'refused'],
    ['entries as short as can be', `${v}clocks:\n${'- 1\n'.repeat(SHORT / 4)}`, 'refused'],
    ['keys as short as can be', `${v}${lines(SHORT / 6, i => `k${i.toString(36)}:`)}`, 'refused'],
    ['keys without values', `{ vendor: a, ${lines(SHORT / 7, i => ` ${i.toString(36)},`)} }`, 'refused'],
    ['aliases as short as can be', `a: &a x\nb: [${'*a,'.repeat(SHORT / 4)}]`, 'refused'],
    ['anchors as short as can be', `${v}b: [${lines(SHORT / 9, i => ` &${i.toString(36)} x,`)}]`, 'refused'],
    ['a key of every object', `vendor: acme\n${INHERITED.map(name => `${name}: 1`).join('\n')}`, 'refused'],
    ...INHERITED.flatMap((name): [string, string, FileCase['ends']][] => [
      [`key ${name}`, `${v}${name}: { a: 1 }`, 'refused'],
      [`key ${name} of a resource`, `${v}clocks: [{ name: a, rate: 1, ${name}: 1 }]`, 'refused'],
      [`protocol ${name}`, `${v}protocols: { ${name}: { version: 1.0 } }`, 'refused'],
      [`section ${name} of an agent`, `${v}agents: [{ name: a, resources: { ${name}: [a] } }]`, 'refused'],
      [`section ${name} of a device`, `${v}devices: [{ name: a, resources: { ${name}: [a] } }]`, 'refused'],
      [
        `resource ${name}`,
        `${v}clocks: [{ name: ${name}, rate: 1 }]\nagents: [{ name: a, resources: { clocks: [${name}] } }]`,
        'fine',
      ],
      [`parent ${name}`, `${v}clocks: [{ name: a, parents: [${name}] }]`, 'refused'],
      [`agent ${name}`, `${v}agents: [{ name: ${name} }]`, 'fine'],
      [`plug-in ${name}`, `${v}plugins: [${name}]`, 'refused'],
      [`sensor type ${name}`, `${v}sensors: [{ name: a, type: ${name}, value: 1 }]`, 'refused'],
      [`unit ${name}`, `${v}clocks: [{ name: a, rate: 1 ${name} }]`, 'refused'],
      [`pin configuration ${name}`, `${v}pinctrl: { pins: [{ name: a, configs: { ${name}: 1 } }] }`, 'refused'],
      [`repeat with ${name}`, `${v}clocks: [{ name: 'a{i}', rate: 1, repeat: { count: 1, ${name}: 1 } }]`, 'refused'],
    ]),
  ]
}

/** Makes something that is not a usable file at a path; returns the path to give to the command. */
const NO_FILES: Record<string, (path: string) => string> = {
  'a folder': path => {
    mkdirSync(path)
    return path
  },
  'a pipe nobody writes': path => {
    execFileSync('mkfifo', [path])
    return path
  },
  '/dev/zero': () => '/dev/zero',
  'a gigabyte': path => {
    writeFileSync(path, '')
    truncateSync(path, LARGE)
    return path
  },
  'no file': path => path,
  'a path too long': path => `${path}${'x'.repeat(5000)}`,
  'a path within a file': path => {
    writeFileSync(path, '')
    return `${path}/x`
  },
}

/** Options and commands that take a file. */
const DOORS: Record<string, (path: string, folder: string) => string[]> = {
  '--platform': (path, folder) => ['--socket-path', join(folder, 's'), '--platform', path],
  'platform check': path => ['platform', 'check', path],
  'platform show': path => ['platform', 'show', path],
  '--plugin': (path, folder) => ['--socket-path', join(folder, 's'), '--plugin', path],
  'trace show': path => ['trace', 'show', path],
  'trace diff': path => ['trace', 'diff', path, path],
  'trace replay': path => ['trace', 'replay', path],
  'bench --compare': path => ['bench', '--compare', path, path],
}
/** Options that create the file if it is missing. */
const WRITTEN: Record<string, (path: string, folder: string) => string[]> = {
  '--state': (path, folder) => ['--socket-path', join(folder, 's'), '--state', path],
  '--trace': (path, folder) => ['--socket-path', join(folder, 's'), '--trace', path],
}

export function fileCases(): FileCase[] {
  const platformFiles = platformTexts().map(
    ([name, text, ends]): FileCase => ({
      name: `platform file: ${name}`,
      arguments: folder => {
        const path = join(folder, 'board.yaml')
        writeFileSync(path, text)
        return ['--socket-path', join(folder, 's'), '--platform', path]
      },
      ends,
    }),
  )
  const noFiles = Object.entries({ ...DOORS, ...WRITTEN }).flatMap(([door, words]) =>
    Object.entries(NO_FILES).map(
      ([what, make]): FileCase => ({
        name: `${door}: ${what}`,
        arguments: folder => words(make(join(folder, 'file')), folder),
        // --state and --trace create a missing file, and --trace replaces an existing one.
        ends: door in WRITTEN ? 'either' : 'refused',
      }),
    ),
  )
  const names = INHERITED.flatMap((name): FileCase[] => [
    {
      name: `--platform ${name}`,
      arguments: folder => ['--socket-path', join(folder, 's'), '--platform', name],
      ends: 'refused',
    },
    {
      name: `--plugin ${name}`,
      arguments: folder => ['--socket-path', join(folder, 's'), '--plugin', name],
      ends: 'refused',
    },
    {
      name: `--agent ${name}`,
      arguments: folder => ['--agent', `${name}=${join(folder, 's')}`, '--agent', `b=${join(folder, 't')}`],
      ends: 'fine',
    },
    { name: `bench --mix ${name}`, arguments: () => ['bench', '--mix', name], ends: 'refused' },
    {
      name: `platform show --agent ${name}`,
      arguments: () => ['platform', 'show', 'demo', '--agent', name],
      ends: 'refused',
    },
  ])
  const states = [nested('[', ']'), `{"a":${'{"a":'.repeat(DEEP)}`, 'x'.repeat(2 ** 20)].map(
    (text, i): FileCase => ({
      name: `--state: wrong content ${i + 1}`,
      arguments: folder => {
        writeFileSync(join(folder, 'state'), text)
        return WRITTEN['--state']!(join(folder, 'state'), folder)
      },
      ends: 'either',
    }),
  )
  return [...platformFiles, ...noFiles, ...names, ...states]
}
