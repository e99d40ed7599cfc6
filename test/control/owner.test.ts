/** Ownership of the control socket: others cannot create the default path, and `ctl` refuses other users' sockets. */
import { chmodSync, chownSync, lstatSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { inFolder, RunningCommand } from '../cli/command.js'

const uid = process.getuid!()
const FOLDER = `/tmp/vhost-user-scmi-${uid}`
const LIMIT_MS = 120_000
/** No user here has this id. */
const STRANGER = 54_321

/** Environment with neither a folder for sockets nor the path of one. */
const BARE: NodeJS.ProcessEnv = { XDG_RUNTIME_DIR: '', VHOST_USER_SCMI_CONTROL: '' }

/** Removes the default folder until the test ends; one that this user had before is put back. */
function withoutFolder(): void {
  const aside = `${FOLDER}.${process.pid}`
  if (!lstatSync(FOLDER, { throwIfNoEntry: false })) {
    onTestFinished(() => rmSync(FOLDER, { recursive: true, force: true }))
    return
  }
  renameSync(FOLDER, aside)
  onTestFinished(() => {
    rmSync(FOLDER, { recursive: true, force: true })
    renameSync(aside, FOLDER)
  })
}

async function run(...args: string[]): Promise<{ code: unknown; stderr: string }> {
  const command = new RunningCommand(args, [], 'pipe', BARE)
  onTestFinished(() => void command.child.kill('SIGKILL'))
  const code = await command.ended
  return { code, stderr: command.stderr }
}

describe('the default control socket, without $XDG_RUNTIME_DIR', () => {
  test('is in a folder of the user’s own, and works', { timeout: LIMIT_MS }, () =>
    inFolder(async folder => {
      withoutFolder()
      const device = new RunningCommand(['--socket-path', join(folder, 'scmi'), '--control'], [], 'pipe', BARE)
      onTestFinished(() => void device.child.kill('SIGKILL'))
      await device.said(/ready/)
      const { mode, uid: owner } = statSync(FOLDER)
      expect([mode & 0o777, owner]).toEqual([0o700, uid])
      expect(lstatSync(join(FOLDER, 'control')).isSocket()).toBe(true)
      expect(await run('ctl', 'stats')).toEqual({ code: 0, stderr: '' })
      expect(await device.stop()).toBe(0)
    }),
  )

  const spoilt = {
    'others can write to it'() {
      mkdirSync(FOLDER)
      chmodSync(FOLDER, 0o777)
    },
    'it is a link'(folder: string) {
      chmodSync(folder, 0o700)
      symlinkSync(folder, FOLDER)
    },
    'it is another user’s'() {
      mkdirSync(FOLDER, 0o700)
      chownSync(FOLDER, STRANGER, STRANGER)
    },
  }
  const possible = Object.entries(spoilt).filter(([what]) => uid === 0 || !what.includes('another user'))
  test.each(possible.map(([what, make]) => ({ what, make })))(
    'is refused by device and ctl if $what',
    { timeout: LIMIT_MS },
    ({ make }) =>
      inFolder(async folder => {
        withoutFolder()
        make(folder)
        const says = `vhost-user-scmi: --control: ${FOLDER} must be a folder of your own with mode 0700, and is not; remove it, or give a path\n`
        expect(await run('--socket-path', join(folder, 'scmi'), '--control')).toEqual({ code: 2, stderr: says })
        expect(await run('ctl', 'stats')).toEqual({ code: 2, stderr: says })
      }),
  )
})

test.skipIf(uid !== 0)(
  'ctl asks nothing of a socket that is neither the user’s nor root’s',
  { timeout: LIMIT_MS },
  () =>
    inFolder(async folder => {
      const control = join(folder, 'control')
      const device = new RunningCommand(['--socket-path', join(folder, 'scmi'), '--control', control])
      onTestFinished(() => void device.child.kill('SIGKILL'))
      await device.said(/ready/)
      expect(await run('ctl', '--control', control, 'stats')).toEqual({ code: 0, stderr: '' })
      chownSync(control, STRANGER, STRANGER)
      const says = `vhost-user-scmi: ${control} belongs to another user (${STRANGER}), whose answers can't be trusted; give a socket of your own\n`
      expect(await run('ctl', '--control', control, 'stats')).toEqual({ code: 2, stderr: says })
      expect(await device.stop()).toBe(0)
    }),
)
