/** A state file: whole records come back, beginnings of records go, and whatever else is wrong is said in one line. */
import {
  appendFileSync,
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
import { StateFile } from '../../../src/state/state-file.js'
import { OperatorError } from '../../../src/support/errors.js'
import { inFolder } from '../../cli/command.js'

interface Entry {
  n: number
  text?: string
}

const ADVICE = 'remove it to start over, or give another file'
const OWNER = { platform: 'board.yaml', fingerprint: 'abc' }
const open = (path: string, owner = OWNER) => StateFile.open<Entry>(path, owner)

/** Runs `use` with the path of a file that holds records 1, 2 and 3. */
function withFile(use: (path: string) => void): Promise<void> {
  return inFolder(async folder => {
    const path = join(folder, 'board.state')
    const file = open(path)
    file.rewrite({ n: 1 })
    for (const n of [2, 3]) file.append({ n, text: 'ä\n' })
    file.close()
    use(path)
  })
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
  it('gives back what was written, is nobody else’s to read, and leaves nothing beside it', () =>
    withFile(path => {
      const file = open(path)
      expect(file.records).toEqual([{ n: 1 }, { n: 2, text: 'ä\n' }, { n: 3, text: 'ä\n' }])
      expect(file.tornBytes).toBe(0)
      expect(statSync(path).mode & 0o777).toBe(0o600)
      expect(readdirSync(join(path, '..'))).toEqual(['board.state'])
      file.close()
    }))

  it('is new where there is none, or an empty one', () =>
    inFolder(async folder => {
      const path = join(folder, 'empty')
      writeFileSync(path, '')
      for (const one of [path, join(folder, 'none')]) {
        const file = open(one)
        expect(file.records).toEqual([])
        file.close()
      }
    }))

  it('loses a record whose end is missing, wherever it was cut off, and no other', () =>
    withFile(path => {
      const { length } = readFileSync(path)
      const last = readFileSync(path, 'utf8').split('\n').at(-2)!
      for (let cut = 1; cut <= Buffer.byteLength(last) + 1; cut++) {
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

  it('goes on where it was torn once it is rewritten', () =>
    withFile(path => {
      truncateSync(path, statSync(path).size - 3)
      const file = open(path)
      file.rewrite({ n: 4 })
      file.append({ n: 5 })
      file.close()
      const again = open(path)
      expect(again.records).toEqual([{ n: 4 }, { n: 5 }])
      again.close()
    }))

  it('can be rewritten where a process died while it did that', () =>
    withFile(path => {
      writeFileSync(`${path}.new`, 'half a')
      const file = open(path)
      file.rewrite({ n: 9 })
      file.close()
      const again = open(path)
      expect(again.records).toEqual([{ n: 9 }])
      again.close()
    }))

  it('is rewritten without a look at what somebody has laid where its successor is written', () =>
    withFile(path => {
      const victim = join(path, '..', 'victim')
      for (const lay of [symlinkSync, linkSync]) {
        writeFileSync(victim, 'precious')
        lay(victim, `${path}.new`)
        const file = open(path)
        file.rewrite({ n: 9 })
        file.close()
        expect(readFileSync(victim, 'utf8')).toBe('precious')
        expect(lstatSync(path).isFile()).toBe(true)
        expect(readdirSync(join(path, '..')).sort()).toEqual(['board.state', 'victim'])
      }
    }))

  it('knows when it was deleted, replaced, or written to by somebody else', () =>
    withFile(path => {
      const file = open(path)
      expect(file.fate).toBe('whole')
      appendFileSync(path, 'x')
      expect(file.fate).toBe('damaged')
      file.rewrite({ n: 1 })
      expect(file.fate).toBe('whole')
      unlinkSync(path)
      expect(file.fate).toBe('deleted')
      file.rewrite({ n: 1 })
      writeFileSync(`${path}.other`, '')
      renameSync(`${path}.other`, path)
      expect(file.fate).toBe('replaced')
      file.close()
    }))

  it.each([
    { format: 2, age: 'a newer' },
    { format: 0, age: 'an older' },
  ])('of $age version of the program is refused, which says what to do', ({ format, age }) =>
    withFile(path => {
      const json = JSON.stringify({ 'vhost-user-scmi state': format, ...OWNER })
      writeFileSync(path, `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`)
      const says = `${age} version of this program wrote it (format ${format}, this one has 1); start that one, ${ADVICE}`
      expect(refusalOf(path)).toBe(`--state ${path}: ${says}`)
    }),
  )

  it('is refused if its checksums are right over what is no JSON, or no map', () =>
    withFile(path => {
      for (const json of ['{', '5', 'null', '[]', '{"vhost-user-scmi state":"1"}']) {
        writeFileSync(path, `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`)
        expect(refusalOf(path)).toContain('is not a state file of this program, or is damaged in line 1')
      }
    }))

  it('is rewritten behind a symbolic link', () =>
    withFile(path => {
      const link = join(path, '..', 'link')
      symlinkSync(path, link)
      const file = open(link)
      file.rewrite({ n: 9 })
      file.close()
      const again = open(path)
      expect(again.records).toEqual([{ n: 9 }])
      again.close()
    }))

  it('is long when it is some times as long as what it says', () =>
    withFile(path => {
      const file = open(path)
      file.rewrite({ n: 0 })
      let appended = 0
      for (; !file.isLong; appended++) file.append({ n: appended, text: 'x'.repeat(1000) })
      expect(appended).toBeGreaterThan(1000)
      file.rewrite({ n: 0 })
      expect(file.isLong).toBe(false)
      file.close()
    }))

  it('can be had once at a time', () =>
    withFile(path => {
      const file = open(path)
      expect(refusalOf(path)).toBe(`--state ${path}: is in use by a running process; stop it or give another file`)
      file.rewrite({ n: 1 })
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
      const lineStarts = [0, good.indexOf('\n') + 1, good.lastIndexOf('\n', good.length - 2) + 1]
      for (const [line, at] of [
        [1, 3],
        [1, 30],
        [2, lineStarts[1]! + 2],
        [2, lineStarts[1]! + 12],
      ] as const) {
        const bad = Buffer.from(good)
        bad[at]! ^= 4
        writeFileSync(path, bad)
        expect(refusalOf(path)).toMatch(new RegExp(`damaged in line ${line}; ${ADVICE}`))
      }
    }))

  it('is refused if it is something else', () =>
    inFolder(async folder => {
      const text = join(folder, 'text')
      writeFileSync(text, 'hello\nworld\n')
      expect(refusalOf(text)).toContain('is not a state file of this program')
      const directory = join(folder, 'folder')
      mkdirSync(directory)
      expect(refusalOf(directory)).toMatch(/EISDIR.*; give a file that can be written$/)
      expect(refusalOf('/dev/null')).toContain('is not a file')
      expect(refusalOf(join(folder, 'none', 'file'))).toMatch(/ENOENT.*; give a file that can be written$/)
    }))
})
