/** NXP i.MX Battery-Backed Module protocol, 0x81 (Linux, vendors/imx/imx95.rst; imx-sm), version 1.0. */
import { z } from 'zod'
import { readSaved, type Saved } from '../../platform/core/kept.js'
import { commandsOn, defineProtocol, event } from '../../protocols/declaration/define-protocol.js'
import { type KeptPart, KeptView } from '../../protocols/declaration/kept-view.js'
import { SHORT_NAME_SIZE } from '../../protocols/declaration/names.js'
import { notify } from '../../protocols/declaration/outgoing.js'
import type { AgentProtocol } from '../../protocols/declaration/protocol.js'
import { FlagSubscriptions } from '../../protocols/declaration/subscriptions.js'
import { text, u32, u64 } from '../../wire/fields.js'
import type { MessageWriter, RequestReader } from '../../wire/message.js'
import { DENIED, INVALID_PARAMETERS, NOT_FOUND, SUCCESS } from '../../wire/status.js'
import type { BatteryBacked, BatteryBackedEvents } from './battery-backed.js'
import { batteryBacked } from './kinds.js'
import type { Rtc } from './rtc.js'

const V1 = 0x10000

/** BBM_RTC_ATTRIBUTES */
const SECONDS_WIDTH_SHIFT = 24
const TICKS_WIDTH_SHIFT = 16

/** BBM_RTC_TIME_SET and BBM_RTC_TIME_GET flags */
const TICKS = 1 << 0

/** BBM_RTC_ALARM_SET flags */
const ENABLE = 1 << 0

/** BBM_RTC_NOTIFY flags and those of its notification */
const ALARM = 1 << 0
const ROLLOVER = 1 << 1
const UPDATED = 1 << 2
const RTC_FLAGS = 0x7
const RTC_ID_SHIFT = 24

/** BBM_RTC_STATE */
const LOST = 1 << 0
const BATTERY_LOW = 1 << 1

const BUTTON_PRESSED = 1 << 0

const RTC_ID = [u32('rtc_id')]

const RTC_EVENT = event(0x0, 'BBM_RTC_EVENT', [u32('flags')])
const BUTTON_EVENT = event(0x1, 'BBM_BUTTON_EVENT', [u32('flags')])

/** Whether the agent wants to hear of the button. */
class ButtonSubscription implements KeptPart<Rtc> {
  readonly #view: BbmView
  on = false

  constructor(view: BbmView) {
    this.#view = view
  }

  set(on: boolean): void {
    this.on = on
    this.#view.onChange?.()
  }

  /** The button belongs to the protocol, not to one of its clocks. */
  revoke(): void {
    if (this.#view.protocol.denied) this.set(false)
  }

  clear(): void {
    this.set(false)
  }

  save(): Saved {
    return this.on
  }

  restore(saved: Saved): void {
    this.on = readSaved(z.boolean(), saved)
  }
}

class BbmView extends KeptView<Rtc> {
  readonly model: BatteryBacked
  readonly button = this.keep(new ButtonSubscription(this))
  /** Flags of BBM_RTC_NOTIFY. */
  readonly subscriptions = this.keep(
    new FlagSubscriptions<Rtc>(this, (rtc, before, flags) => {
      if ((before ^ flags) & ROLLOVER) rtc.watchRollover((flags & ROLLOVER) !== 0)
    }),
  )

  constructor(model: BatteryBacked, protocol: AgentProtocol) {
    super(model.list, protocol)
    this.model = model
    this.listen<BatteryBackedEvents>(model, {
      alarm: (rtc, agentId) => {
        if (agentId === this.agentId) this.#notify(rtc, ALARM)
      },
      rollover: rtc => this.#notify(rtc, ROLLOVER),
      updated: rtc => this.#notify(rtc, UPDATED),
      pressed: () => {
        if (this.button.on) notify(protocol, BUTTON_EVENT, { flags: BUTTON_PRESSED })
      },
    })
  }

  #notify(rtc: Rtc, flag: number): void {
    const id = this.subscriptions.idFor(rtc, flag)
    if (id !== undefined) notify(this.protocol, RTC_EVENT, { flags: (id << RTC_ID_SHIFT) | flag }, rtc)
  }

  override reset(): void {
    super.reset()
    for (const rtc of this.held) rtc.setAlarm(this.agentId, undefined)
    this.held.clear()
  }
}

function protocolAttributes(view: BbmView, _request: RequestReader, reply: MessageWriter): number {
  reply.u32((view.count << 16) | view.model.registers.length)
  return SUCCESS
}

function bbmGprSet({ model }: BbmView, request: RequestReader): number {
  const index = request.u32()
  const value = request.u32()
  if (index >= model.registers.length) return NOT_FOUND
  if (!model.permissions.registers) return DENIED
  model.setRegister(index, value)
  return SUCCESS
}

function bbmGprGet({ model }: BbmView, request: RequestReader, reply: MessageWriter): number {
  const value = model.registers[request.u32()]
  if (value === undefined) return NOT_FOUND
  reply.u32(value)
  return SUCCESS
}

function bbmRtcAttributes(view: BbmView, request: RequestReader, reply: MessageWriter): number {
  const rtc = view.find(request.u32())
  if (!rtc) return view.refusal
  const { secondsWidth, ticksWidth, ticksPerSecond } = rtc
  reply.u32((secondsWidth << SECONDS_WIDTH_SHIFT) | (ticksWidth << TICKS_WIDTH_SHIFT) | ticksPerSecond)
  reply.text(rtc.wireName, SHORT_NAME_SIZE)
  return SUCCESS
}

function bbmRtcTimeSet(view: BbmView, request: RequestReader): number {
  const rtc = view.find(request.u32())
  const flags = request.u32()
  const value = request.u64()
  if (!rtc) return view.refusal
  if (flags & ~TICKS) return INVALID_PARAMETERS
  if (!rtc.permissions.time) return DENIED
  const unit = flags & TICKS ? 'ticks' : 'seconds'
  return view.model.setTime(rtc, value, unit, view.agentId) ? SUCCESS : INVALID_PARAMETERS
}

function bbmRtcTimeGet(view: BbmView, request: RequestReader, reply: MessageWriter): number {
  const rtc = view.find(request.u32())
  const flags = request.u32()
  if (!rtc) return view.refusal
  if (flags & ~TICKS) return INVALID_PARAMETERS
  reply.u64(flags & TICKS ? rtc.ticks : rtc.seconds)
  return SUCCESS
}

function bbmRtcAlarmSet(view: BbmView, request: RequestReader): number {
  const rtc = view.find(request.u32())
  const flags = request.u32()
  const seconds = request.u64()
  if (!rtc) return view.refusal
  if (flags & ~ENABLE) return INVALID_PARAMETERS
  if (!rtc.permissions.alarm) return DENIED
  view.held.add(rtc)
  return rtc.setAlarm(view.agentId, flags & ENABLE ? seconds : undefined) ? SUCCESS : INVALID_PARAMETERS
}

function bbmRtcNotify(view: BbmView, request: RequestReader): number {
  const rtc = view.find(request.u32())
  const flags = request.u32()
  if (!rtc) return view.refusal
  if (flags & ~RTC_FLAGS) return INVALID_PARAMETERS
  if (!rtc.permissions.notify) return DENIED
  view.subscriptions.set(rtc, flags)
  return SUCCESS
}

function bbmButtonGet({ model }: BbmView, _request: RequestReader, reply: MessageWriter): number {
  reply.u32(model.buttonDown ? 1 : 0)
  return SUCCESS
}

function bbmButtonNotify(view: BbmView, request: RequestReader): number {
  const flags = request.u32()
  if (flags & ~BUTTON_PRESSED) return INVALID_PARAMETERS
  if (!view.model.permissions.button) return DENIED
  view.button.set(flags !== 0)
  return SUCCESS
}

function bbmRtcState(view: BbmView, request: RequestReader, reply: MessageWriter): number {
  const rtc = view.find(request.u32())
  if (!rtc) return view.refusal
  reply.u32((rtc.lost ? LOST : 0) | (rtc.batteryLow ? BATTERY_LOW : 0))
  return SUCCESS
}

const command = commandsOn<BbmView>()

export const bbm = defineProtocol({
  id: 0x81,
  name: 'imx_bbm',
  versions: [V1],
  takesPadding: true,
  resource: batteryBacked,
  attach: (platform, protocol) => new BbmView(platform.model(batteryBacked), protocol),
  show: view => ({
    rtcs: view.rows(({ name, seconds, ticksPerSecond }, id) => ({
      id,
      name,
      seconds,
      ticks_per_second: ticksPerSecond,
    })),
    battery_backed: [{ registers: view.model.registers.length, button_down: view.model.buttonDown }],
  }),
  commands: [
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], [u32('attributes')], protocolAttributes),
    command(0x3, 'BBM_GPR_SET', [u32('index'), u32('value')], [], bbmGprSet),
    command(0x4, 'BBM_GPR_GET', [u32('index')], [u32('value')], bbmGprGet),
    command(0x5, 'BBM_RTC_ATTRIBUTES', RTC_ID, [u32('attributes'), text('name')], bbmRtcAttributes),
    command(0x6, 'BBM_RTC_TIME_SET', [...RTC_ID, u32('flags'), u64('value')], [], bbmRtcTimeSet),
    command(0x7, 'BBM_RTC_TIME_GET', [...RTC_ID, u32('flags')], [u64('value')], bbmRtcTimeGet),
    command(0x8, 'BBM_RTC_ALARM_SET', [...RTC_ID, u32('flags'), u64('value')], [], bbmRtcAlarmSet),
    command(0x9, 'BBM_BUTTON_GET', [], [u32('state')], bbmButtonGet),
    command(0xa, 'BBM_RTC_NOTIFY', [...RTC_ID, u32('flags')], [], bbmRtcNotify, { needsEvents: true }),
    command(0xb, 'BBM_BUTTON_NOTIFY', [u32('flags')], [], bbmButtonNotify, { needsEvents: true }),
    command(0xc, 'BBM_RTC_STATE', RTC_ID, [u32('state')], bbmRtcState),
  ],
  events: [RTC_EVENT, BUTTON_EVENT],
})
