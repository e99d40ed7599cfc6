/** The recipes for build servers in qemu/README.md: they are YAML, and the lab takes their lines. */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { commitSteps, makeFakeKernel } from '../guest/fake-kernel.js'
import { CLI } from '../guest/lab-command.js'

const readme = readFileSync(join(import.meta.dirname, '../../qemu/README.md'), 'utf8')
const recipes = [...readme.matchAll(/^```yaml\n# (\.\S+)\n([\s\S]*?)^```$/gm)].map(([, name, text]) => ({
  name: name!,
  content: parse(text!) as Record<string, unknown>,
}))

/** The shell lines of a recipe, in order. */
function linesOf({ content }: (typeof recipes)[number]): string[] {
  const { jobs, scmi } = content as {
    jobs?: { scmi: { steps: { run?: string }[] } }
    scmi?: { script: string[] }
  }
  return jobs ? jobs.scmi.steps.flatMap(({ run }) => run ?? []) : scmi!.script
}

let folder: string
let tree: string
let commits: string[]

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'scmi-lab-test-'))
  tree = makeFakeKernel(folder)
  commits = commitSteps(tree, [{ 'lib/broken.c': '' }, { 'lib/numbers.txt': 'x' }])
})
afterAll(() => rmSync(folder, { recursive: true }))

const lines = recipes.flatMap(recipe => linesOf(recipe).map(line => ({ name: recipe.name, line })))
const ofLab = lines.filter(({ line }) => line.startsWith('scmi-lab '))

test('there is one for each server, and each sets up the lab and runs it', () => {
  expect(recipes.map(({ name }) => name)).toEqual(['.github/workflows/scmi.yml', '.gitlab-ci.yml'])
  expect(ofLab).toHaveLength(6)
})

/** Runs a line as the server does: in the kernel's tree, with the server's variables. */
function onServer(line: string): Promise<{ code: number; stderr: string }> {
  const env = {
    ...process.env,
    XDG_CACHE_HOME: join(folder, 'cache'),
    SCMI_LAB_TEST_LOG: join(folder, 'make.log'),
    GITHUB_BASE_REF: 'main',
    CI_MERGE_REQUEST_DIFF_BASE_SHA: commits[1],
  }
  // The fake tree has no remote; its first commit takes the place of the branch that the pull request is for.
  const script = `scmi-lab() { "${process.execPath}" "${CLI}" "$@"; }; ${line.replace('origin/$GITHUB_BASE_REF', commits[1]!)}`
  return new Promise(resolve =>
    execFile('bash', ['-ec', script], { cwd: tree, env }, (error, _, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stderr }),
    ),
  )
}

test.each(ofLab.filter(({ line }) => line.includes(' run ')))(
  '$name: $line comes as far as the kernel, which does not build here',
  async ({ line }) => {
    const { code, stderr } = await onServer(line)
    expect(stderr).toContain("lib/broken.c:3:1: error: expected ';'")
    expect(code).toBe(125)
    if (line.includes('--report')) expect(readdirSync(tree)).toEqual(expect.arrayContaining(['scmi.xml', 'scmi.html']))
    expect(existsSync(join(folder, 'make.log'))).toBe(true)
  },
  120_000,
)

test('setup has everything', async () => {
  for (const { line } of ofLab.filter(({ line }) => line === 'scmi-lab setup')) {
    expect(await onServer(line)).toMatchObject({ code: 0 })
  }
}, 120_000)
