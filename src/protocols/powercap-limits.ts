/** Version 3.0 of Powercap: the commands about the limits of a domain (concurrent power limits, by their index CPLI). */
import type { PowercapDomain } from '../platform/powercaps/domain.js'
import type { PowerCap, Range } from '../platform/powercaps/limit.js'
import { text, u32 } from '../wire/fields.js'
import type { MessageWriter, RequestReader } from '../wire/message.js'
import { INVALID_PARAMETERS, NOT_FOUND, NOT_SUPPORTED, OUT_OF_RANGE, SUCCESS } from '../wire/status.js'
import { commandsOn } from './declaration/define-protocol.js'
import { SHORT_NAME_SIZE } from './declaration/names.js'
import { Parts } from './declaration/parts.js'
import { CAI_GET, CAI_SET } from './powercap-channels.js'
import { type PowercapView, V3 } from './powercap-view.js'

/** POWERCAP_CPC_ATTRIBUTES, flags of a limit */
const CAP_CONFIGURABLE = 1 << 0

const LIMITS = new Parts(
  'num_cpl',
  'limits',
  [
    ...[u32('cpli'), u32('flags'), u32('min_power_cap'), u32('max_power_cap'), u32('power_cap_step')],
    ...[u32('min_cai'), u32('max_cai'), u32('cai_step'), text('name')],
  ],
  { bits: 16, remainingAt: 16 },
)

export function writeRange(reply: MessageWriter, { min, max, step }: Range): void {
  reply.u32(min)
  reply.u32(max)
  reply.u32(step)
}

/** The limit that a message names; undefined: answer `view.refusal`. Before version 3.0 there is only the first. */
export function limitOf(view: PowercapView, domain: PowercapDomain | undefined, cpli: number): PowerCap | undefined {
  const limit = domain?.caps[cpli]
  if (domain && !limit) view.refusal = NOT_FOUND
  return limit
}

/** The option of a command that has fast channels. */
export const channelsOf = (id: number) => ({ attributes: (view: PowercapView) => view.channels.attributesOf(id) })

function powercapCpcAttributes(view: PowercapView, request: RequestReader, reply: MessageWriter): number {
  const domain = view.find(request.u32())
  const index = request.u32()
  if (!domain) return view.refusal
  const { caps } = domain
  if (caps.length === 1) return NOT_SUPPORTED
  if (index >= caps.length) return OUT_OF_RANGE
  const returned = LIMITS.begin(reply, caps.length - index)
  for (let i = index; i < index + returned; i++) {
    const limit = caps[i]!
    reply.u32(limit.index)
    reply.u32(limit.isConfigurable ? CAP_CONFIGURABLE : 0)
    writeRange(reply, limit.capRange)
    writeRange(reply, limit.intervalRange)
    reply.text(limit.name, SHORT_NAME_SIZE)
  }
  return SUCCESS
}

function powercapCaiGet(view: PowercapView, request: RequestReader, reply: MessageWriter): number {
  const domain = view.find(request.u32())
  const limit = limitOf(view, domain, request.u32())
  if (!limit) return view.refusal
  reply.u32(limit.intervalUs)
  return SUCCESS
}

function powercapCaiSet(view: PowercapView, request: RequestReader): number {
  const domain = view.find(request.u32())
  const flags = request.u32()
  const us = request.u32()
  const limit = limitOf(view, domain, request.u32())
  if (!domain || !limit) return view.refusal
  if (flags !== 0) return INVALID_PARAMETERS
  return view.setInterval(domain, limit, us)
}

const command = commandsOn<PowercapView>()
const DOMAIN_ID = u32('domain_id')
const CPLI = u32('cpli')

export const limitCommands = [
  command(0xd, 'POWERCAP_CPC_ATTRIBUTES', [DOMAIN_ID, u32('desc_index')], LIMITS.fields, powercapCpcAttributes, {
    since: V3,
  }),
  command(CAI_GET, 'POWERCAP_CAI_GET', [DOMAIN_ID, CPLI], [u32('cai')], powercapCaiGet, {
    ...channelsOf(CAI_GET),
    since: V3,
  }),
  command(CAI_SET, 'POWERCAP_CAI_SET', [DOMAIN_ID, u32('flags'), u32('cai'), CPLI], [], powercapCaiSet, {
    ...channelsOf(CAI_SET),
    since: V3,
  }),
] as const
