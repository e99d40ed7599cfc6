/** What is wrong with a path that the operator gave, and what to do: the part of an error's line that follows the path. */
import { dirname } from 'node:path'
import { errorCode } from './errors.js'

/** Why a file can't be read. */
export function whyUnreadable(error: unknown): string {
  switch (errorCode(error)) {
    case 'ENOENT':
      return 'there is no such file'
    case 'EISDIR':
      return 'is a folder; give a file'
    default:
      return `can't be read: ${reasonOf(error)}`
  }
}

/** Why the file `path` can't be made or written. */
export function whyUnwritable(error: unknown, path: string): string {
  switch (errorCode(error)) {
    case 'ENOENT':
      return `there is no folder ${dirname(path)}; make it, or give another file`
    case 'EISDIR':
      return 'is a folder; give a file in it'
    default:
      return `can't be written: ${reasonOf(error)}; give another file`
  }
}

/** `permission denied` of `EACCES: permission denied, open '/trace'`; what to do about it, if the disk is full. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  const reason = text.replace(/^E[A-Z0-9]+: /, '').replace(/, \w+( '.*')?$/, '')
  return errorCode(error) === 'ENOSPC' ? `${reason}; free some space, or give a file elsewhere` : reason
}
