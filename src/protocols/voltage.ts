/** Voltage domain management protocol, 0x17 (SCMI v3.2 §4.9), versions 1.0, 2.0 and 2.1. */
import { z } from 'zod'
import { mustFit, savedWord } from '../platform/core/kept.js'
import { voltages } from '../platform/voltages/index.js'
import { OFF, ON, type VoltageDomain, type Voltages } from '../platform/voltages/model.js'
import { s32, text, u32 } from '../wire/fields.js'
import type { MessageWriter, RequestReader } from '../wire/message.js'
import { BUSY, DENIED, INVALID_PARAMETERS, NOT_SUPPORTED, OUT_OF_RANGE, SUCCESS } from '../wire/status.js'
import { commandsOn, defineProtocol } from './declaration/define-protocol.js'
import { KeptView } from './declaration/kept-view.js'
import { extendedNameFlag, NAME_SIZE, SHORT_NAME_SIZE } from './declaration/names.js'
import { respondLater } from './declaration/outgoing.js'
import { Parts } from './declaration/parts.js'
import { maxPending, PendingCommands } from './declaration/pending.js'
import type { AgentProtocol } from './declaration/protocol.js'
import { answerCount, answerName } from './declaration/view.js'

const V1 = 0x10000
const V2 = 0x20000
const V2_1 = 0x20001

/** VOLTAGE_DOMAIN_ATTRIBUTES, v2 and up */
export const ASYNC_LEVEL_SET = 2 ** 31
export const EXTENDED_NAME = 1 << 30

/** VOLTAGE_LEVEL_SET flags, v2 and up */
export const ASYNC = 1 << 0

const DOMAIN_ID = [u32('domain_id')]
const LEVELS = new Parts('flags', 'voltage', [s32('level')])
const LEVEL_SET = [u32('domain_id'), u32('flags'), s32('voltage_level')]
const LEVEL_SET_DELAYED = [u32('domain_id'), s32('voltage_level')]

/** A VOLTAGE_LEVEL_SET that is carried out later. */
const levelSet = z.strictObject({ id: savedWord, level: z.int(), header: savedWord })

class VoltageView extends KeptView<VoltageDomain> {
  readonly voltages: Voltages
  readonly pending: PendingCommands<z.infer<typeof levelSet>>

  constructor(voltages: Voltages, protocol: AgentProtocol) {
    super(voltages.list, protocol)
    this.voltages = voltages
    this.pending = this.keep(
      new PendingCommands(this, {
        max: maxPending(protocol),
        shape: levelSet,
        check: ({ id, level }) => mustFit(this.saved(id).canHave(level), `no level: ${level}`),
        mark: ({ id }, underWay) => {
          this.list[id]!.changing = underWay
        },
        finish: ({ id, level, header }) => {
          voltages.setLevel(this.list[id]!, level, this.agentId)
          respondLater(protocol, header, LEVEL_SET_DELAYED, { domain_id: id, voltage_level: level })
        },
      }),
    )
  }

  override reset(): void {
    super.reset()
    this.voltages.release(this.agentId, this.held)
    this.held.clear()
  }
}

function voltageDomainAttributes(
  view: VoltageView,
  request: RequestReader,
  reply: MessageWriter,
  { version }: AgentProtocol,
): number {
  const domain = view.find(request.u32())
  if (!domain) return view.refusal
  const asyncFlag = view.pending.offersAsync(domain) ? ASYNC_LEVEL_SET : 0
  reply.u32(version >= V2 ? asyncFlag + extendedNameFlag(domain.wireName, EXTENDED_NAME) : 0)
  reply.text(domain.wireName, SHORT_NAME_SIZE)
  return SUCCESS
}

function voltageDescribeLevels(view: VoltageView, request: RequestReader, reply: MessageWriter): number {
  const domain = view.find(request.u32())
  const index = request.u32()
  if (!domain) return view.refusal
  const { toldLevels, range, triplet } = domain
  if (!toldLevels) {
    if (index !== 0) return OUT_OF_RANGE
    LEVELS.beginTriplet(reply, triplet)
    if (triplet.values > 0) reply.s32(range.min)
    if (triplet.values > 1) reply.s32(range.max)
    if (triplet.values > 2) reply.s32(range.step)
    return SUCCESS
  }
  const left = toldLevels.length - index
  if (left <= 0) return OUT_OF_RANGE
  const returned = LEVELS.begin(reply, left)
  for (let i = index; i < index + returned; i++) reply.s32(toldLevels[i]!)
  return SUCCESS
}

function voltageConfigSet(view: VoltageView, request: RequestReader): number {
  const domain = view.find(request.u32())
  const mode = request.u32()
  if (!domain) return view.refusal
  // A mode is four bits wide: with any reserved bit the word is none of the modes.
  if (!domain.modes.has(mode)) return INVALID_PARAMETERS
  if (!domain.permissions.mode) return DENIED
  view.held.add(domain)
  view.voltages.setMode(domain, mode, view.agentId)
  return SUCCESS
}

function voltageConfigGet(view: VoltageView, request: RequestReader, reply: MessageWriter): number {
  const domain = view.find(request.u32())
  if (!domain) return view.refusal
  reply.u32(domain.mode)
  return SUCCESS
}

function voltageLevelSet(
  view: VoltageView,
  request: RequestReader,
  _reply: MessageWriter,
  { version }: AgentProtocol,
): number {
  const id = request.u32()
  const domain = view.find(id)
  const flags = request.u32()
  const level = request.s32()
  if (!domain) return view.refusal
  if (flags & ~(version >= V2 ? ASYNC : 0)) return INVALID_PARAMETERS
  if (!domain.permissions.level) return DENIED
  const asynchronous = (flags & ASYNC) !== 0
  if (asynchronous && !view.pending.offersAsync(domain)) return NOT_SUPPORTED
  if (!domain.supportsLevel(level)) return domain.levels ? INVALID_PARAMETERS : OUT_OF_RANGE
  if (domain.changing || (asynchronous && view.pending.busy)) return BUSY
  const granted = domain.granted(level)
  if (asynchronous) view.pending.start({ id, level: granted, header: request.header }, domain.latencyUs)
  else view.voltages.setLevel(domain, granted, view.agentId)
  return SUCCESS
}

function voltageLevelGet(view: VoltageView, request: RequestReader, reply: MessageWriter): number {
  const domain = view.find(request.u32())
  if (!domain) return view.refusal
  reply.s32(domain.level)
  return SUCCESS
}

const command = commandsOn<VoltageView>()

export const voltage = defineProtocol({
  id: 0x17,
  name: 'voltage',
  versions: [V1, V2, V2_1],
  resource: voltages,
  attach: (platform, protocol) => new VoltageView(platform.model(voltages), protocol),
  show: view => ({
    voltages: view.rows(({ name, mode, level, levels, range }, id) => {
      const [min_uv, max_uv, step_uv] = levels ? [] : [range.min, range.max, range.step]
      const modeName = mode === ON ? 'on' : mode === OFF ? 'off' : mode
      return { id, name, mode: modeName, level_uv: level, levels_uv: levels, min_uv, max_uv, step_uv }
    }),
  }),
  commands: [
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], [u32('attributes')], answerCount),
    command(0x3, 'VOLTAGE_DOMAIN_ATTRIBUTES', DOMAIN_ID, [u32('attributes'), text('name')], voltageDomainAttributes),
    command(
      0x4,
      'VOLTAGE_DESCRIBE_LEVELS',
      [u32('domain_id'), u32('level_index')],
      LEVELS.fields,
      voltageDescribeLevels,
    ),
    command(0x5, 'VOLTAGE_CONFIG_SET', [u32('domain_id'), u32('config')], [], voltageConfigSet),
    command(0x6, 'VOLTAGE_CONFIG_GET', DOMAIN_ID, [u32('config')], voltageConfigGet),
    command(0x7, 'VOLTAGE_LEVEL_SET', LEVEL_SET, [], voltageLevelSet),
    command(0x7, 'VOLTAGE_LEVEL_SET', LEVEL_SET, [], voltageLevelSet, { since: V2, delayed: LEVEL_SET_DELAYED }),
    command(0x8, 'VOLTAGE_LEVEL_GET', DOMAIN_ID, [s32('voltage_level')], voltageLevelGet),
    command(0x9, 'VOLTAGE_DOMAIN_NAME_GET', DOMAIN_ID, [u32('flags'), text('name', NAME_SIZE)], answerName, {
      since: V2,
    }),
  ],
})
