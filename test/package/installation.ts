/**
 * The package as a user gets it: packed, then installed from the tarball into an empty folder by an ordinary user, without
 * install scripts, a compiler, or files of the checkout.
 */
import { type ChildProcess, execFile, execFileSync, type StdioOptions, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const ROOT = join(import.meta.dirname, '../..')
const LIMIT_MS = 180_000
const MOST_OUTPUT = 1 << 26
/** Debian's "nobody": has no rights, and nothing of its own. */
const NOBODY = '65534'

/** Command prefix to run as an ordinary user; empty if we are one. */
const asUser =
  process.getuid!() === 0
    ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--no-new-privs']
    : []

export interface Finished {
  code: number
  stdout: string
  stderr: string
}

export interface PackedFile {
  path: string
  size: number
}

export class Installation {
  readonly #top = mkdtempSync(join(tmpdir(), 'scmi-package-'))
  /** Where it is installed. */
  readonly folder = this.#own('installed')
  /** Another folder, from which it is used. */
  readonly elsewhere = this.#own('elsewhere')
  readonly home = this.#own('home')
  readonly #registry = execFileSync('npm', ['config', 'get', 'registry'], { cwd: ROOT, encoding: 'utf8' }).trim()
  readonly package = join(this.folder, 'node_modules/vhost-user-scmi')

  #own(name: string): string {
    const path = join(this.#top, name)
    mkdirSync(path)
    chmodSync(this.#top, 0o755)
    this.give(path)
    return path
  }

  /** Makes the user the owner of a file or folder. */
  give(path: string): void {
    if (asUser.length > 0) execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, path])
  }

  /** Packs the checkout; returns the tarball and what is in it. */
  async pack(): Promise<{ tarball: string; files: PackedFile[] }> {
    const args = ['pack', '--json', '--pack-destination', this.#top]
    const { stdout } = await promisify(execFile)('npm', args, { cwd: ROOT, maxBuffer: MOST_OUTPUT })
    // Scripts may have printed something before the JSON.
    const [{ filename, files }] = JSON.parse(stdout.slice(stdout.search(/^\[/m)))
    return { tarball: join(this.#top, filename), files }
  }

  get environment(): NodeJS.ProcessEnv {
    const { PATH, LANG, NODE_EXTRA_CA_CERTS } = process.env
    return {
      PATH: `${join(this.folder, 'node_modules/.bin')}:${PATH}`,
      HOME: this.home,
      TMPDIR: this.elsewhere,
      npm_config_registry: this.#registry,
      ...(LANG === undefined ? {} : { LANG }),
      ...(NODE_EXTRA_CA_CERTS === undefined ? {} : { NODE_EXTRA_CA_CERTS }),
    }
  }

  /** Runs a command to its end, as the user, in the other folder. */
  async run(command: string, args: readonly string[], cwd = this.elsewhere): Promise<Finished> {
    const [program, ...words] = [...asUser, command, ...args]
    const options = { cwd, env: this.environment, timeout: LIMIT_MS, maxBuffer: MOST_OUTPUT }
    return new Promise(resolve =>
      execFile(program!, words, options, (error, stdout, stderr) =>
        resolve({ code: error ? (error.code as number) : 0, stdout, stderr }),
      ),
    )
  }

  /** Runs a command; throws with its output unless it succeeds. */
  async output(command: string, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(command, args)
    if (code !== 0) throw new Error(`${command} ${args.join(' ')}: exit code ${code}\n${stdout}${stderr}`)
    return stdout
  }

  start(command: string, ...args: string[]): UserProcess {
    const [program, ...words] = [...asUser, command, ...args]
    const options = { cwd: this.elsewhere, env: this.environment, stdio: ['ignore', 'pipe', 'pipe'] as StdioOptions }
    return new UserProcess(spawn(program!, words, options))
  }

  write(name: string, text: string): string {
    const path = join(this.elsewhere, name)
    writeFileSync(path, text)
    this.give(path)
    return path
  }

  /** What is installed: packages, and what their files take on the disk. */
  measure(): { packages: number; megabytes: number } {
    const modules = join(this.folder, 'node_modules')
    const files = readdirSync(modules, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
    const bytes = files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).blocks * 512, 0)
    return { packages: Object.keys(this.packages).length, megabytes: bytes / 1e6 }
  }

  /** npm's record of each installed package, by its folder. */
  get packages(): Record<string, { hasInstallScript?: boolean }> {
    return JSON.parse(readFileSync(join(this.folder, 'node_modules/.package-lock.json'), 'utf8')).packages
  }

  remove(): void {
    rmSync(this.#top, { recursive: true, force: true })
  }
}

/** A command that keeps running, such as a device. */
export class UserProcess {
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>
  #text = ''

  constructor(child: ChildProcess) {
    this.#child = child
    this.#ended = new Promise(resolve => child.on('close', resolve))
    for (const stream of [child.stdout!, child.stderr!]) stream.on('data', data => (this.#text += data))
  }

  /** Resolves with the match once the output has the pattern. Rejects if the command ends first, or takes too long. */
  said(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const refuse = (why: string): void => reject(new Error(`${why} before it said ${pattern}:\n${this.#text}`))
      const timer = setTimeout(refuse, LIMIT_MS, `${LIMIT_MS} ms`)
      const look = (): void => {
        const match = pattern.exec(this.#text)
        if (!match) return
        clearTimeout(timer)
        resolve(match)
      }
      for (const stream of [this.#child.stdout!, this.#child.stderr!]) stream.on('data', look)
      void this.#ended.then(code => {
        clearTimeout(timer)
        refuse(`ended (${code})`)
      })
      look()
    })
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#ended
  }
}
