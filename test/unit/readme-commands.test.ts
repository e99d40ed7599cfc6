/** A test or .ci/run runs every command that a README shows; the table says which. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')

/** A command, the file that runs it, and texts in that file that show it. */
type Row = readonly [command: RegExp, file: string, ...texts: string[]]

const ROWS: readonly Row[] = [
  // Setting up and building.
  [/^npm test$/, '.ci/run', 'npm test'],
  [/^npm run check$/, '.ci/run', 'npm run check'],
  [/^npm run torture( -- (sanitizers|fuzz)\b.*)?$/, '.ci/run', 'npm run torture -- sanitizers fuzz'],
  [/^npm run torture -- (permissions|kills|soak)\b/, 'test/torture/short.test.ts', 'permissions(', 'kills(', 'soak('],
  [/^npm run demo$/, 'test/guest/demo.test.ts', "runLab(['demo']"],
  [/^npm run bench$/, 'test/bench/command.test.ts', "runCommand('bench'"],
  [/^npm run schema$/, 'test/unit/platform/schema.test.ts', 'npm run schema'],
  // CI leaves these tests out, because each builds a kernel; only this command runs them.
  [/^npm run planted$/, 'package.json', 'vitest run --config test/planted/vitest.config.ts'],
  [
    /^source <\(vhost-user-scmi completion bash\)$/,
    'test/cli/completion.test.ts',
    'source <(vhost-user-scmi completion',
  ],
  [/^npm pack && npm install /, 'test/package/package.test.ts', 'user.pack()', "'install'"],
  [/^node qemu\/setup\/bootstrap\.mjs( --build-only)?$/, 'test/package/npx.test.ts', 'qemu/setup/bootstrap.mjs'],
  // `npm run torture -- sanitizers`, which .ci/run runs, builds with this.
  [/node-gyp\.js build --debug$/, 'qemu/setup/bootstrap.mjs', "'node-gyp.js'", "['--debug']"],
  // Vitest's own commands: checked below.
  [/^npx vitest run /, 'package.json', '"vitest": "vitest run"'],

  // The device.
  [/^npx vhost-user-scmi --socket-path \S+ --platform demo$/, 'test/web/command.test.ts', "'--platform demo'"],
  [/^npx vhost-user-scmi --socket-path \S+ --faults \S+$/, 'test/cli/faults.test.ts', "'--faults', path"],
  [/^npx vhost-user-scmi platform check .*--faults /, 'test/cli/faults.test.ts', "'platform', 'check'"],
  [
    /^npx scmi-lab boot --platform \S+ --control$/,
    'test/guest/join.test.ts',
    "'--platform', path('two.yaml'), '--control'",
  ],
  [/^npx scmi-lab boot --agent \S+$/, 'test/guest/join.test.ts', "terminal('boot', '--agent',"],
  [/^npx scmi-lab boot --faults /, 'test/guest/faults.test.ts', "'--faults', faults], {}, 'terminal'"],
  [/^npx scmi-lab run \S+ --faults /, 'test/guest/faults.test.ts', "['run', 'probe/at-boot'"],
  [/^npx vhost-user-scmi --socket-path \S+ --http 8080$/, 'test/web/command.test.ts', "'--http 8080'"],
  [/--control --metrics 9100 &$/, 'test/guest/control.test.ts', "readmeLines('--metrics 9100')"],
  [/^npx vhost-user-scmi ctl /, 'test/guest/control.test.ts', "readmeLines('--metrics 9100')"],
  [/^curl -s localhost:9100\/metrics$/, 'test/guest/control.test.ts', "readmeLines('--metrics 9100')"],
  [/^npx vhost-user-scmi trace (show|replay) /, 'test/guest/trace.test.ts', "readmeLines('boot --trace')"],
  [/^npx vhost-user-scmi send \S+ clock CLOCK_RATE_GET /, 'test/cli/send.test.ts', "'CLOCK_RATE_GET'"],
  [/^npx vhost-user-scmi send \S+ led .*--plugin \S+$/, 'test/cli/plugin.test.ts', "'LED_SET'", "runCommand('send'"],
  [/ clock CLOCK_RATE_NOTIFY .*--listen 0$/, 'test/cli/send.test.ts', "'CLOCK_RATE_NOTIFY'", "'--listen', '0'"],
  [/ --platform \S+ --plugin \S+$/, 'test/cli/plugin.test.ts', "'--platform', file, '--plugin'"],
  [/^npx vhost-user-scmi --connect \S+ --state /, 'test/torture/kills.ts', "'--connect'", "'--state'"],
  [/^npx vhost-user-scmi platform presets$/, 'test/cli/platform.test.ts', "'platform', 'presets'"],
  [/^npx vhost-user-scmi platform check /, 'test/cli/platform.test.ts', "'platform', 'check'"],
  [/^npx vhost-user-scmi platform show /, 'test/cli/platform.test.ts', "'platform', 'show'"],
  [/^npx vhost-user-scmi platform learn /, 'test/cli/learn.test.ts', "'platform', 'learn'"],
  [/^npx vhost-user-scmi platform record /, 'test/cli/learn.test.ts', "'platform', 'record'"],
  [/^npx scmi-lab boot --platform board\.yaml$/, 'test/guest/learn.test.ts', 'platform: yaml'],
  [/^npm run round-trip$/, 'package.json', 'SCMI_ROUND_TRIP=all vitest run test/guest/learn.test.ts'],
  [/^npx vhost-user-scmi platform schema /, 'test/cli/platform.test.ts', "'platform', 'schema'"],
  [/^npx vhost-user-scmi bench\b/, 'test/bench/command.test.ts', "runCommand('bench'", "'clock:3,sensor'"],
  // The tests start the same program without the debugger.
  [/^gdb .*--args node dist\/src\/cli\.js --socket-path /, 'test/cli/command.ts', 'dist/src/cli.js'],

  // The lab.
  [/^qemu-system-aarch64 /, 'test/guest/guest.test.ts', '-device vhost-user-scmi-pci,chardev=scmi'],
  [/^npx scmi-lab setup$/, 'test/guest/tools.test.ts', "runLab(['setup'"],
  [/^npx scmi-lab boot --platform \S+ --dts \S+$/, 'test/guest/dts.test.ts', "runLab(['boot'", "'--dts'"],
  [/^npx scmi-lab boot --trace /, 'test/guest/trace.test.ts', "readmeLines('boot --trace')"],
  [/^npx scmi-lab boot --print-command$/, 'test/guest/guest.test.ts', "'--print-command'"],
  [/^npx scmi-lab boot( --kernel \S+)?$/, 'test/guest/guest.test.ts', "['boot', '--kernel', kernel]"],
  [/^npx scmi-lab kernel build( |$)/, 'test/guest/kernel-build.test.ts', "['kernel', 'build', '--source', tree]"],
  [/^npx scmi-lab list$/, 'test/package/npx.test.ts', "'scmi-lab', 'list'"],
  [/^npx scmi-lab run ci$/, 'test/guest/scenarios.test.ts', "['run', 'ci',"],
  // As for planted bugs: they build a kernel that counts.
  [/^npx scmi-lab run --coverage\b/, 'test/planted/coverage.test.ts', 'coverage: true', 'coverageOfRun('],
  [/^npx scmi-lab run sweep(\/\S+)?$/, 'test/planted/coverage.test.ts', "['sweep/everything/"],
  [/^npx scmi-lab run \S+ --shell$/, 'test/guest/run.test.ts', "'--shell'"],
  [/^npx scmi-lab run .*--baseline \S+/, 'test/guest/run.test.ts', "'--baseline'", "'--report'", "'--json'"],
  [/^npx scmi-lab run .*--(report|json) \S+$/, 'test/guest/run.test.ts', "'--report'", "'--json'"],
  [/^npx scmi-lab run ci .*--each$/, 'test/guest/commits.test.ts', 'tryEach(', "'--each'"],
  [/^npx scmi-lab run ci .*--commits \S+$/, 'test/guest/commits.test.ts', "'--commits', `"],
  [/^npx scmi-lab run ci .*--base \S+/, 'test/guest/commits.test.ts', "'--base', first!"],
  [/^npx scmi-lab bisect /, 'test/guest/commits.test.ts', 'new Bisection(', "['bisect', 'ci', '--kernel'"],
  [/^npx scmi-lab (boot|run \S+) --gdb$/, 'test/guest/gdb.test.ts', "'boot', '--kernel'", "'own/works', '--gdb'"],
  // Nobody has merged the series: what its patches bring into the configuration is tested.
  [
    /^npx scmi-lab run .*--patch telemetry\.mbox telemetry$/,
    'test/lab/given-files.test.ts',
    'ARM_SCMI_SYSTEM_TELEMETRY',
  ],
  [/^npx scmi-lab run .*--variant /, 'test/guest/kernel-build.test.ts', "variant: 'modules'"],
  [/^npx scmi-lab run( [a-z/-]+)*$/, 'test/package/package.test.ts', "'scmi-lab', 'run', 'probe/at-boot'"],
  [/^npx scmi-lab bench\b/, 'test/guest/bench.test.ts', "['bench',", "'--processes'", "'--load'", "'--backend'"],
]

/** README files, by their paths from the root. */
const readmes = [
  'README.md',
  ...['src', 'native', 'test', 'qemu'].flatMap(folder =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter(path => /(^|\/)README\.md$/.test(path))
      .map(path => join(folder, path)),
  ),
]

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

/** The commands in its shell blocks, without comments; a backslash at the end continues a line. */
function commandsOf(readme: string): string[] {
  const blocks = [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block!)
  const lines = blocks.flatMap(block => block.replaceAll(/\\\n\s*/g, '').split('\n'))
  return lines.map(line => line.replace(/(^| +)#.*/, '').trim()).filter(line => line !== '')
}

const commands = readmes.flatMap(path => commandsOf(read(path)).map(command => ({ command, path })))

test('the README files have commands', () => expect(commands.length).toBeGreaterThan(30))

test.each(commands)('$path: $command', ({ command }) => {
  const row = ROWS.find(([pattern]) => pattern.test(command))
  if (!row) throw new Error('no test runs this command: add one, and its row to the table')
  const [, file, ...texts] = row
  const text = read(file)
  expect(
    texts.filter(part => !text.includes(part)),
    `${file} lacks this text`,
  ).toEqual([])
})

test.each(readmes)('%s has its commands in shell blocks, so that the table is applied to them', path => {
  const outside = read(path).replaceAll(/^```[\s\S]*?^```$/gm, '')
  expect(outside.match(/^ {4}(npm|npx|node|scmi-lab|vhost-user-scmi) .*/gm) ?? []).toEqual([])
})

describe('the scripts and files of a command exist', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }

  test.each(commands.filter(({ command }) => /^npm (run |test)/.test(command)))('$path: $command', ({ command }) => {
    expect(Object.keys(scripts)).toContain(command.replace('npm run ', '').replace('npm ', '').split(' ')[0])
  })

  test.each(commands.filter(({ command }) => command.startsWith('npx vitest run ')))(
    '$path: $command',
    ({ command }) => {
      const [, file, name] = /^npx vitest run (\S+)(?: -t '(.*)')?( -u)?$/.exec(command) ?? []
      expect(existsSync(join(ROOT, file!)), file).toBe(true)
      if (name) expect(read(file!)).toContain(name)
    },
  )
})
