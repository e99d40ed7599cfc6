/** A device under way: its first message is done. */
import { turns, until } from '../../src/front-end/wait.js'
import { pattern, type Rig, type RigOptions, started } from './rig.js'

/** A rig whose first message is done: later ones signal only if the driver asks for it. */
export async function running(options: RigOptions): Promise<Rig> {
  const rig = await started({ size: 64, ...options })
  await rig.driver.exchange(pattern(8), 8)
  rig.driver.cmdq.drainSignals()
  return rig
}

/** Posts `count` messages at once, waits until they are used without asking for a signal, and counts the signals. */
export async function signalsFor({ driver }: Rig, count: number): Promise<number> {
  const { cmdq } = driver
  for (let i = 0; i < count; i++) driver.post(pattern(8), 8)
  cmdq.publish()
  await until(() => cmdq.usedIdx === cmdq.nextAvailable, 'the messages to be used')
  await turns(5)
  for (const used of cmdq.takeAll()) driver.answer(used)
  return cmdq.drainSignals()
}
