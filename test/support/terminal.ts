/** A command on a terminal that tests can type into and read. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import xterm from '@xterm/headless'
import { until } from '../../src/front-end/wait.js'

const HELPER = join(import.meta.dirname, 'terminal.py')

/** Programs are slow on a busy machine. */
const LIMIT_MS = 60_000

export class Terminal {
  /** Everything the command has written. */
  output = ''
  /** Exit code, once it has ended. */
  code: number | undefined
  readonly #terminal: InstanceType<typeof xterm.Terminal>
  readonly #child: ChildProcess

  constructor(command: string[], options: { rows?: number; columns?: number; env?: Record<string, string> } = {}) {
    const { rows = 24, columns = 100, env = {} } = options
    this.#terminal = new xterm.Terminal({ rows, cols: columns, allowProposedApi: true })
    this.#child = spawn('python3', [HELPER, String(rows), String(columns), ...command], {
      // With CI set, the views print without moving, even on a terminal.
      env: { ...process.env, CI: 'false', TERM: 'xterm-256color', ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#child.stdout!.on('data', (data: Buffer) => {
      this.output += data.toString()
      this.#terminal.write(data)
    })
    this.#child.on('close', code => {
      this.code = code ?? -1
    })
  }

  /** What is on the screen. */
  get screen(): string {
    const { active } = this.#terminal.buffer
    const lines = Array.from({ length: this.#terminal.rows }, (_, row) =>
      active.getLine(active.baseY + row)?.translateToString(true),
    )
    return lines.join('\n').trimEnd()
  }

  /** Whether the alternate screen is shown, as full-screen programs do. */
  get onSecondScreen(): boolean {
    return this.#terminal.buffer.active.type === 'alternate'
  }

  type(text: string): void {
    this.#order({ write: text })
  }

  resize(rows: number, columns: number): void {
    this.#terminal.resize(columns, rows)
    this.#order({ resize: [rows, columns] })
  }

  /** Closes the terminal, as its window or connection does. */
  hangUp(): void {
    this.#order({ hangup: true })
  }

  /** Waits until the screen matches. */
  shows(pattern: RegExp): Promise<void> {
    return until(
      () => pattern.test(this.screen),
      () => `${pattern} in\n${this.screen}\n${this.code === undefined ? '' : `ended with ${this.code}`}`,
      LIMIT_MS,
    )
  }

  /** Waits for the end of the command; returns its exit code. */
  async ended(): Promise<number> {
    await until(
      () => this.code !== undefined,
      () => `the end; the screen is\n${this.screen}`,
      LIMIT_MS,
    )
    return this.code!
  }

  close(): void {
    this.#child.kill('SIGKILL')
    this.#terminal.dispose()
  }

  #order(order: object): void {
    this.#child.stdin!.write(`${JSON.stringify(order)}\n`)
  }
}
