/** Layers: a file imports only from layers below, or from its own folder, and there are no circles. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')

/** From the bottom up. Folders on the same floor do not import each other. */
const FLOORS: Readonly<Record<string, readonly string[][]>> = {
  src: [
    ['wire', 'support'],
    ['platform/core'],
    ['platform/file', 'platform'],
    ['protocols/declaration'],
    ['protocols'],
    ['plugins', 'front-end', 'faults/rules'],
    ['device'],
    ['loading'],
    ['observe'],
    ['faults', 'state', 'client'],
    ['trace'],
    ['learn', 'access/served.ts', 'access/http'],
    ['access/operations'],
    ['access/control', 'access/web', 'access/metrics'],
    ['access'],
    ['server', 'bench'],
    ['cli'],
    ['index.ts'],
    ['cli/bundled.ts'],
    ['cli.ts'],
  ],
  qemu: [
    ['support'],
    ['setup', 'machine'],
    ['device-tree'],
    ['devices'],
    ['guest'],
    ['kernel', 'kernel-trace'],
    ['boot', 'coverage'],
    ['bench', 'runner'],
    ['scenarios'],
    ['cli'],
    ['cli.ts'],
  ],
}

/** Static, type-only and dynamic imports. */
const IMPORT = /^(?:import|export)\s[^'"]*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm

/** The files of src and qemu that a file imports, as paths from the root. */
function importsOf(file: string): string[] {
  const found = readFileSync(join(ROOT, file), 'utf8').matchAll(IMPORT)
  const specifiers = [...found].map(([, from, alone, late]) => (from ?? alone ?? late)!).filter(name => name[0] === '.')
  return specifiers.map(specifier => {
    const path = join(file, '..', specifier).replace(/\.js$/, '')
    return [`${path}.ts`, `${path}.tsx`, `${path}.mjs`].find(candidate => existsSync(join(ROOT, candidate))) ?? path
  })
}

const files = Object.keys(FLOORS).flatMap(part =>
  readdirSync(join(ROOT, part), { recursive: true, encoding: 'utf8' })
    .filter(name => /\.tsx?$/.test(name))
    .map(name => `${part}/${name}`),
)
const imports = new Map(files.map(file => [file, importsOf(file)]))

/** The folder that a file counts as: the longest name that its path begins with. */
function roomOf(file: string): { floor: number; room: string } | undefined {
  const [part, ...rest] = file.split('/')
  const path = rest.join('/')
  const rooms = FLOORS[part!]!.flatMap((names, floor) => names.map(room => ({ floor, room })))
  const holds = ({ room }: { room: string }): boolean => path === room || path.startsWith(`${room}/`)
  return rooms.filter(holds).sort((a, b) => b.room.length - a.room.length)[0]
}

test('every file is in a folder that has a floor', () => {
  expect(files.filter(file => !roomOf(file))).toEqual([])
})

describe.each(Object.keys(FLOORS))('%s', part => {
  test('imports go down, or stay in their folder', () => {
    const wrong = [...imports].flatMap(([file, targets]) => {
      const from = roomOf(file)
      return targets
        .filter(target => target.startsWith(`${part}/`) && file.startsWith(`${part}/`))
        .filter(target => {
          const to = roomOf(target)
          return from && to && to.room !== from.room && to.floor >= from.floor
        })
        .map(target => `${file} imports ${target}`)
    })
    expect(wrong).toEqual([])
  })
})

test('src imports neither the lab nor tests, the lab no tests', () => {
  const wrong = [...imports].flatMap(([file, targets]) =>
    targets.filter(to => to.startsWith('test/') || (file.startsWith('src/') && !to.startsWith('src/'))),
  )
  expect(wrong).toEqual([])
})

test('there are no circles', () => {
  const done = new Set<string>()
  const circles: string[] = []
  const visit = (file: string, path: string[]): void => {
    const begins = path.indexOf(file)
    if (begins >= 0) circles.push([...path.slice(begins), file].join(' > '))
    if (begins >= 0 || done.has(file)) return
    for (const target of imports.get(file) ?? []) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
  expect(circles).toEqual([])
})

test('the map in src/README.md has the floors of src, from the top', () => {
  const readme = readFileSync(join(ROOT, 'src/README.md'), 'utf8')
  const [, map = ''] = /## The map[\s\S]*?```text\n([\s\S]*?)```/.exec(readme) ?? []
  // Names two spaces apart, then their descriptions.
  const floors = map.split('\n').filter(Boolean)
  const names = floors.map(line => [...line.matchAll(/(?<=^ | {2})[a-z/-]+(?:\/|\.ts)(?= {2})/g)].map(([name]) => name))
  expect(names.map(floor => floor.map(name => name.replace(/\/$/, '')))).toEqual([...FLOORS.src!].reverse())
})
