/**
 * `kill -9` of the back end under a running guest. QEMU listens (server=on). Linux sets clock rates through the kernel's raw
 * mode and reads each back; meanwhile it reads a sensor through the sensor's driver.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { boot } from '../../qemu/boot/boot.js'
import type { Guest } from '../../qemu/guest/guest.js'
import { readHwmon } from '../../qemu/guest/view.js'
import { buildKernel } from '../../qemu/kernel/build.js'
import { DEFAULT_KERNEL } from '../../qemu/kernel/source.js'
import { startProgress } from '../../src/support/progress.js'
import { Random } from '../driver/random.js'
import { BackEnd } from './back-end.js'
import { type Result, timed } from './result.js'

const PLATFORM = 'demo'
/** Longest life of a back end after its first reply: a guest in QEMU sends some ten commands in that time. */
const LIFE_MAX_MS = 1000
const LIMIT_MS = 120_000
const POLL_MS = 100

/** Clock 1 of the platform, pll_sys, which no driver of this guest uses. */
const CLOCK = 1
const RATES = [600_000_000, 1_200_000_000]

/** Compares each reply with the one that the same command got before the kills. `-w`: longer than any back end is away. */
const LOOP = `
send() { scmi-raw -w 60000 0x14 "$@" 2>&1; }
for rate in ${RATES.join(' ')}; do send 5 0 ${CLOCK} $rate 0; send 6 ${CLOCK} >/tmp/is-$rate; done >/tmp/set
head -n 1 /tmp/set >/tmp/is-set
(
	n=0
	while [ ! -e /tmp/stop ]; do
		for rate in ${RATES.join(' ')}; do
			send 5 0 ${CLOCK} $rate 0 >/tmp/got; cmp -s /tmp/got /tmp/is-set || { echo "set $rate:"; cat /tmp/got; } >>/tmp/wrong
			send 6 ${CLOCK} >/tmp/got; cmp -s /tmp/got /tmp/is-$rate || { echo "get $rate:"; cat /tmp/got; } >>/tmp/wrong
			n=$((n + 2)); echo $n >/tmp/count
		done
	done
	touch /tmp/stopped
) >/dev/null 2>&1 &
`

export interface GuestKillOptions {
  count: number
  seed: number
  signal?: AbortSignal | undefined
  /** Path of a kernel Image; default: the lab's. */
  kernel?: string
}

export async function guestKills(options: GuestKillOptions): Promise<Result[]> {
  const what = 'kills under a guest in QEMU'
  return [await timed('guest-kills', what, () => killInARow(what, options))]
}

async function killInARow(
  what: string,
  { count, seed, signal, kernel }: GuestKillOptions,
): Promise<Omit<Result, 'part' | 'what' | 'seconds'>> {
  const image = kernel ?? (await buildKernel({ source: DEFAULT_KERNEL })).image
  const folder = mkdtempSync(join(tmpdir(), 'scmi-kills-'))
  const random = new Random(seed)
  const socketPath = join(folder, 'scmi.sock')
  const backEnd = new BackEnd(['--connect', socketPath, '--platform', PLATFORM, '--state', 'state'], folder)
  const progress = startProgress('kills')
  const failures: string[] = []
  let guest: Guest | undefined
  let [killed, sent] = [0, 0]
  try {
    guest = await boot({ kernel: image, platform: PLATFORM, socketPath, dials: 'device' })
    const check = guest.check.bind(guest)
    // Messages of the boot are not about kills.
    await check(`dmesg -c >/dev/null\n${LOOP}`)
    await check(`grep -q SUCCESS /tmp/is-set && ${RATES.map(rate => `grep -q SUCCESS /tmp/is-${rate}`).join(' && ')}`)
    const [sensor] = await readHwmon(guest)
    await check(`(while [ ! -e /tmp/stop ]; do cat ${sensor!.path}; done) >/tmp/readings 2>&1 &`)
    const countNow = async () => Number(await check('cat /tmp/count 2>/dev/null || echo 0'))
    for (; killed < count && !signal?.aborted; killed++) {
      const before = sent
      for (const deadline = performance.now() + LIMIT_MS; (sent = await countNow()) <= before; await sleep(POLL_MS)) {
        if (performance.now() > deadline) throw new Error(`the guest is stuck after ${before} commands`)
      }
      progress.update('under a guest', killed / count, `${killed} kills, ${sent} commands answered`)
      await sleep(random.below(LIFE_MAX_MS))
      await backEnd.replace()
    }
    await check('touch /tmp/stop; for i in $(seq 600); do [ -e /tmp/stopped ] && exit; sleep 0.1; done; exit 1', {
      timeoutMs: LIMIT_MS,
    })
    sent = await countNow()
    const wrong = await check('cat /tmp/wrong 2>/dev/null || true')
    if (wrong !== '') failures.push(`${what}: wrong answers: ${wrong}`)
    const readings = await check('grep -v "^[0-9][0-9]*$" /tmp/readings || [ -s /tmp/readings ]')
    if (readings !== '') failures.push(`${what}: wrong readings: ${readings}`)
    const complaints = await check('dmesg | grep -i "scmi.*\\(timed out\\|not expected\\|invalid\\|buggy\\)" || true')
    if (complaints !== '') failures.push(`${what}: the kernel said: ${complaints}`)
  } catch (error) {
    failures.push(`${what}, kill ${killed}: ${(error as Error).message}`)
  } finally {
    progress.stop()
    await guest?.kill()
    failures.push(...(await backEnd.close()))
    rmSync(folder, { recursive: true })
  }
  return { count: killed, seed, failures, detail: `${sent} commands compared` }
}
