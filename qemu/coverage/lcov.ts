/** Coverage in lcov's format (geninfo(1)), which genhtml, editors and CI services read. */
import { join } from 'node:path'
import { figuresOf } from './figures.js'
import type { FileCoverage } from './gcov.js'

/** `folder` has the sources; `name` is the name of the test. */
export function lcovText(files: readonly FileCoverage[], folder: string, name: string): string {
  return files.map(file => `${recordOf(file, folder, name).join('\n')}\n`).join('')
}

function recordOf(file: FileCoverage, folder: string, name: string): string[] {
  const { lines, functions, branches } = figuresOf(file)
  const sorted = [...file.lines].sort(([a], [b]) => a - b)
  return [
    `TN:${name.replaceAll(/\W/g, '_')}`,
    `SF:${join(folder, file.file)}`,
    ...file.functions.map(({ name, start }) => `FN:${start},${name}`),
    ...file.functions.map(({ name, count }) => `FNDA:${count},${name}`),
    `FNF:${functions.all}`,
    `FNH:${functions.ran}`,
    ...sorted.flatMap(([number, { count, branches }]) =>
      branches.map((taken, way) => `BRDA:${number},0,${way},${count > 0 ? taken : '-'}`),
    ),
    `BRF:${branches.all}`,
    `BRH:${branches.ran}`,
    ...sorted.map(([number, { count }]) => `DA:${number},${count}`),
    `LF:${lines.all}`,
    `LH:${lines.ran}`,
    'end_of_record',
  ]
}
