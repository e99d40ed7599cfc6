/** A state file: whole records are read back, a torn last record is dropped, any other damage is an error of one line. */
import {
  appendFileSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { Line } from '../../../src/state/line.js'
import { StateFile } from '../../../src/state/state-file.js'
import { OperatorError } from '../../../src/support/errors.js'
import { inFolder } from '../../cli/command.js'

interface Entry {
  n: number
  text?: string
}

const ADVICE = 'remove it to start over, or give another file'
const OWNER = { platform: 'board.yaml', fingerprint: 'abc' }
const open = (path: string, owner = OWNER) => StateFile.open(path, owner)

const say = (entry: Entry) => (record: Line) => void record.json(JSON.stringify(entry))
/** Appends a record; false if there is no room for it. */
function add(file: StateFile, entry: Entry): boolean {
  say(entry)(file.begin())
  return file.append()
}

/** Runs `use` with the path of a file that holds records 1, 2 and 3. */
function withFile(use: (path: string) => void): Promise<void> {
  return inFolder(async folder => {
    const path = join(folder, 'board.state')
    const file = open(path)
    file.rewrite(say({ n: 1 }))
    for (const n of [2, 3]) add(file, { n, text: 'ä\n' })
    file.close()
    use(path)
  })
}

/** A file's content without the room behind it. */
function written(path: string): Buffer {
  const bytes = readFileSync(path)
  return bytes.subarray(0, bytes.findLastIndex(byte => byte !== 0) + 1)
}

function refusalOf(path: string, owner = OWNER): string {
  try {
    open(path, owner).close()
  } catch (error) {
    if (error instanceof OperatorError) return error.message
    throw error
  }
  throw new Error('it was opened')
}

describe('a state file', () => {
  it('gives back what was written, only its owner can read it, and no other file is left', () =>
    withFile(path => {
      const file = open(path)
      expect(file.records).toEqual([{ n: 1 }, { n: 2, text: 'ä\n' }, { n: 3, text: 'ä\n' }])
      expect(file.tornBytes).toBe(0)
      expect(statSync(path).mode & 0o777).toBe(0o600)
      expect(readdirSync(join(path, '..'))).toEqual(['board.state'])
      file.close()
    }))

  it('is created if there is none, or an empty one', () =>
    inFolder(async folder => {
      const path = join(folder, 'empty')
      writeFileSync(path, '')
      for (const one of [path, join(folder, 'none')]) {
        const file = open(one)
        expect(file.records).toEqual([])
        file.close()
      }
    }))

  it('drops a record whose end is missing, wherever it was cut off, and no other', () =>
    withFile(path => {
      // An empty line follows the last record, which is whole even without its own end of line.
      const length = written(path).length - 1
      const last = String(written(path)).split('\n').at(-3)!
      for (let cut = 2; cut <= Buffer.byteLength(last) + 1; cut++) {
        truncateSync(path, length - cut)
        const file = open(path)
        expect(
          (file.records as Entry[]).map(({ n }) => n),
          `${cut} bytes less`,
        ).toEqual([1, 2])
        expect(file.tornBytes).toBe(Buffer.byteLength(last) + 1 - cut)
        file.close()
      }
    }))

  it('can be appended to after it was torn and rewritten', () =>
    withFile(path => {
      truncateSync(path, written(path).length - 3)
      const file = open(path)
      file.rewrite(say({ n: 4 }))
      add(file, { n: 5 })
      file.close()
      const again = open(path)
      expect(again.records).toEqual([{ n: 4 }, { n: 5 }])
      again.close()
    }))

  it('can be rewritten although a process died while rewriting it', () =>
    withFile(path => {
      writeFileSync(`${path}.new`, 'half a')
      const file = open(path)
      file.rewrite(say({ n: 9 }))
      file.close()
      const again = open(path)
      expect(again.records).toEqual([{ n: 9 }])
      again.close()
    }))

  it('is rewritten without following a link that somebody put in place of the new file', () =>
    withFile(path => {
      const victim = join(path, '..', 'victim')
      for (const lay of [symlinkSync, linkSync]) {
        writeFileSync(victim, 'precious')
        lay(victim, `${path}.new`)
        const file = open(path)
        file.rewrite(say({ n: 9 }))
        file.close()
        expect(readFileSync(victim, 'utf8')).toBe('precious')
        expect(lstatSync(path).isFile()).toBe(true)
        expect(readdirSync(join(path, '..')).sort()).toEqual(['board.state', 'victim'])
      }
    }))

  it('detects that it was deleted, replaced, or written to by somebody else', () =>
    withFile(path => {
      const file = open(path)
      expect(file.fate).toBe('whole')
      appendFileSync(path, 'x')
      expect(file.fate).toBe('damaged')
      file.rewrite(say({ n: 1 }))
      expect(file.fate).toBe('whole')
      // What is mapped has no file behind it any more.
      truncateSync(path, 0)
      expect(add(file, { n: 2 })).toBe(true)
      expect(file.fate).toBe('damaged')
      file.rewrite(say({ n: 1 }))
      expect(file.fate).toBe('whole')
      unlinkSync(path)
      expect(file.fate).toBe('deleted')
      file.rewrite(say({ n: 1 }))
      writeFileSync(`${path}.other`, '')
      renameSync(`${path}.other`, path)
      expect(file.fate).toBe('replaced')
      file.close()
    }))

  it.each([
    { format: 3, age: 'a newer' },
    { format: 1, age: 'an older' },
  ])('of $age version of the program is refused with advice', ({ format, age }) =>
    withFile(path => {
      const json = JSON.stringify({ 'vhost-user-scmi state': format, ...OWNER })
      writeFileSync(path, `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`)
      const says = `${age} version of this program wrote it (format ${format}, this one has 2); start that one, ${ADVICE}`
      expect(refusalOf(path)).toBe(`--state ${path}: ${says}`)
    }),
  )

  it('is refused if its checksums match but its content is not JSON, or not a map', () =>
    withFile(path => {
      for (const json of ['{', '5', 'null', '[]', '{"vhost-user-scmi state":"1"}']) {
        writeFileSync(path, `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`)
        expect(refusalOf(path)).toContain('is not a state file of this program, or is damaged in line 1')
      }
    }))

  it('is rewritten through a symbolic link', () =>
    withFile(path => {
      const link = join(path, '..', 'link')
      symlinkSync(path, link)
      const file = open(link)
      file.rewrite(say({ n: 9 }))
      file.close()
      const again = open(path)
      expect(again.records).toEqual([{ n: 9 }])
      again.close()
    }))

  describe('whose half is full', () => {
    const text = 'x'.repeat(7_000)
    /** Adds records from 1 on until the half is full; returns how many. */
    function fill(file: StateFile): number {
      let added = 0
      while (add(file, { n: added + 1, text })) added++
      return added
    }
    const numbers = (path: string): number[] => {
      const file = open(path)
      const { records } = file
      file.close()
      return (records as Entry[]).map(({ n }) => n)
    }

    it('continues in the other half, over old records, and does not grow', () =>
      withFile(path => {
        const file = open(path)
        file.rewrite(say({ n: 0 }))
        const added = fill(file)
        expect(added).toBeGreaterThan(30)
        const sizes: number[] = []
        for (let turn = 1; turn <= 5; turn++) {
          file.restart(say({ n: -turn }))
          copyFileSync(path, `${path}.copy`)
          expect(numbers(`${path}.copy`)).toEqual([-turn])
          expect(fill(file)).toBe(added)
          sizes.push(statSync(path).size)
        }
        expect(new Set(sizes.slice(1)).size).toBe(1)
        file.close()
        expect(numbers(path)).toEqual([-5, ...Array.from({ length: added }, (_, i) => i + 1)])
      }))

    it('still has the full half if a process died while it began the other', () =>
      withFile(path => {
        const file = open(path)
        file.rewrite(say({ n: 0 }))
        fill(file)
        file.restart(say({ n: -1 }))
        add(file, { n: 1 })
        const before = readFileSync(path)
        file.restart(say({ n: -2, text: 'ä'.repeat(1000) }))
        file.close()
        const after = readFileSync(path)
        const start = before.indexOf('\n') + 1
        const length = after.indexOf('\n', start) + 1 - start
        for (let written = 1; written < length; written += 151) {
          writeFileSync(path, Buffer.concat([after.subarray(0, start + written), before.subarray(start + written)]))
          expect(numbers(path), `${written} bytes written`).toEqual([-1, 1])
        }
        writeFileSync(path, after)
        expect(numbers(path)).toEqual([-2])
      }))

    it('drops a torn record among old ones, and no other', () =>
      withFile(path => {
        const file = open(path)
        file.rewrite(say({ n: 0 }))
        fill(file)
        file.restart(say({ n: -1 }))
        file.restart(say({ n: -2 }))
        const before = readFileSync(path)
        add(file, { n: 1, text: 'ä'.repeat(1000) })
        file.close()
        const after = readFileSync(path)
        const start = after.indexOf('\n', after.indexOf('\n') + 1) + 1
        const length = after.indexOf('\n', start) + 1 - start
        for (let written = 1; written < length; written += 151) {
          writeFileSync(path, Buffer.concat([after.subarray(0, start + written), before.subarray(start + written)]))
          expect(numbers(path), `${written} bytes written`).toEqual([-2])
        }
        writeFileSync(path, after)
        expect(numbers(path)).toEqual([-2, 1])
      }))

    it('is refused if a record that is not the last is wrong, in either half', () =>
      withFile(path => {
        const file = open(path)
        file.rewrite(say({ n: 0 }))
        for (let turn = 1; turn <= 2; turn++) {
          fill(file)
          file.restart(say({ n: -turn }))
          add(file, { n: 1 })
          add(file, { n: 2 })
          const good = readFileSync(path)
          const start = good.indexOf(`{"n":-${turn}}`)
          for (const [record, at] of [
            [1, start],
            [2, good.indexOf('{"n":1}', start)],
          ] as const) {
            const bad = Buffer.from(good)
            bad[at + 2]! ^= 4
            writeFileSync(`${path}.copy`, bad)
            expect(refusalOf(`${path}.copy`)).toMatch(/is damaged in record \d+; /)
            if (record === 2) expect(refusalOf(`${path}.copy`)).toContain('is damaged in record 2; ')
          }
        }
        file.close()
      }))

    it('grows if the first record of a half needs more room', () =>
      withFile(path => {
        const file = open(path)
        file.rewrite(say({ n: 0 }))
        file.restart(say({ n: 1, text: 'x'.repeat(5_000_000) }))
        expect(add(file, { n: 2, text })).toBe(true)
        file.close()
        expect(numbers(path)).toEqual([1, 2])
      }))
  })

  it('can be opened by one process at a time', () =>
    withFile(path => {
      const file = open(path)
      expect(refusalOf(path)).toBe(`--state ${path}: is in use by a running process; stop it or give another file`)
      file.rewrite(say({ n: 1 }))
      expect(refusalOf(path)).toContain('is in use')
      file.close()
      open(path).close()
    }))

  it.each([
    {
      name: 'is another platform’s',
      fingerprint: 'xyz',
      platform: 'other.yaml',
      says: `holds the state of another platform, board.yaml; ${ADVICE}`,
    },
    {
      name: 'is an older version’s of the platform',
      fingerprint: 'xyz',
      platform: 'board.yaml',
      says: `holds the state of another platform, another version of board.yaml; ${ADVICE}`,
    },
  ])('is refused if it $name', ({ fingerprint, platform, says }) =>
    withFile(path => {
      expect(refusalOf(path, { platform, fingerprint })).toBe(`--state ${path}: ${says}`)
    }),
  )

  it('is refused if a bit of its first line, or of a record before others, is wrong', () =>
    withFile(path => {
      const good = readFileSync(path)
      const first = good.indexOf('\n') + 1
      for (const [what, at] of [
        ['line 1', 3],
        ['line 1', 30],
        ['record 1', first + 2],
        ['record 1', first + 14],
      ] as const) {
        const bad = Buffer.from(good)
        bad[at]! ^= 4
        writeFileSync(path, bad)
        expect(refusalOf(path)).toMatch(new RegExp(`damaged in ${what}; ${ADVICE}`))
      }
    }))

  it('is refused if it is another kind of file', () =>
    inFolder(async folder => {
      const text = join(folder, 'text')
      writeFileSync(text, 'hello\nworld\n')
      expect(refusalOf(text)).toContain('is not a state file of this program')
      const directory = join(folder, 'folder')
      mkdirSync(directory)
      expect(refusalOf(directory)).toMatch(/: is a folder; give a file in it$/)
      expect(refusalOf('/dev/null')).toContain('is not a file')
      expect(refusalOf(join(folder, 'none', 'file'))).toMatch(
        /: there is no folder .*none; make it, or give another file$/,
      )
    }))
})
