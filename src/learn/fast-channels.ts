/**
 * Fast channels that a board told of: what has some, and its doorbells. Where they lie is not learned, since that is memory
 * of the board; the platform's are in guest memory, at an address that scmi-lab chooses.
 */
import { doorbellOf, HAS_FAST_CHANNELS } from '../protocols/declaration/fast-channels.js'
import { SUCCESS } from '../wire/status.js'
import type { Draft } from './draft.js'
import type { Told } from './told.js'

/** Commands that can have fast channels; what they set or get has other names in the platform file. */
export const MAY_BE_FAST = /^(?:PERFORMANCE|POWERCAP)_(LEVEL|LIMITS|CAP|PAI|CAI|MAI|MEASUREMENTS)_(SET|GET)$/
const WORDS: Readonly<Record<string, string>> = { MEASUREMENTS: 'power', MAI: 'pai' }

/** The agent is told no shorter time between writes than this: the time between two looks of the platform. */
const POLL_US = 1000

/** Adds `fast_channels` as DESCRIBE_FASTCHANNEL, which is `describe`, told of them. */
export function putFastChannels(told: Told, draft: Draft, describe: string): void {
  const described = told.answers(describe, draft.id).filter(({ status }) => status === SUCCESS)
  const what: Record<string, string[]> = { set: [], get: [] }
  let [doorbell, limitUs, isAnnounced] = [0, 0, true]
  for (const { request, reply } of described) {
    const messageId = Number(request.message_id)
    const name = told.protocol.commands.find(({ id }) => id === messageId)?.name
    const [, word, way] = MAY_BE_FAST.exec(name ?? '') ?? []
    if (!word || !way) continue
    const list = what[way.toLowerCase()]!
    const key = WORDS[word] ?? word.toLowerCase()
    if (!list.includes(key)) list.push(key)
    doorbell = Math.max(doorbell, doorbellOf(Number(reply.attributes)))
    limitUs = Math.max(limitUs, Number(reply.rate_limit))
    if (isUnannounced(told, messageId)) isAnnounced = false
  }
  if (what.set!.length + what.get!.length === 0) {
    draft.unseen.push('which fast channels it has')
    return
  }
  draft.put('fast_channels', {
    ...what,
    ...(what.set!.length > 0 ? { doorbell: doorbell > 0 ? doorbell : false } : {}),
    ...(limitUs > POLL_US ? { rate_limit: `${limitUs} us` } : {}),
    ...(isAnnounced ? {} : { announced: false }),
  })
}

/** Whether PROTOCOL_MESSAGE_ATTRIBUTES tells of no channels. */
function isUnannounced(told: Told, messageId: number): boolean {
  const answer = told
    .answers('PROTOCOL_MESSAGE_ATTRIBUTES')
    .find(({ request, status }) => Number(request.message_id) === messageId && status === SUCCESS)
  return answer !== undefined && !(Number(answer.reply.attributes) & HAS_FAST_CHANNELS)
}
