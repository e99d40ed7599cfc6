/** NXP i.MX Battery-Backed Module protocol, 0x81 (Linux, vendors/imx/imx95.rst; imx-sm), version 1.0. */
import { z } from 'zod'
import { readSaved, type Saved, savedWord } from '../../platform/core/kept.js'
import { SHORT_NAME_SIZE } from '../../protocols/declaration/names.js'
import {
  type AgentProtocol,
  type AgentState,
  commandsOn,
  defineProtocol,
  event,
} from '../../protocols/declaration/protocol.js'
import { ResourceView } from '../../protocols/declaration/view.js'
import { text, u32, u64 } from '../../wire/fields.js'
import type { MessageWriter, RequestReader } from '../../wire/message.js'
import { DENIED, INVALID_PARAMETERS, NOT_FOUND, SUCCESS } from '../../wire/status.js'
import type { BatteryBacked } from './battery-backed.js'
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

const RTC_EVENT = 0x0
const BUTTON_EVENT = 0x1
const BUTTON_PRESSED = 1 << 0

const savedState = z.tuple([z.boolean().describe('button'), z.array(z.tuple([savedWord, savedWord]))])

class BbmState extends ResourceView<Rtc> implements AgentState {
  onChange: (() => void) | undefined
  readonly model: BatteryBacked
  buttonSubscribed = false
  /** Flags of BBM_RTC_NOTIFY. */
  readonly #subscribed = new Map<Rtc, number>()

  constructor(model: BatteryBacked, protocol: AgentProtocol) {
    super(model.list, protocol)
    this.model = model
    model.on('alarm', this.#onAlarm)
    model.on('rollover', this.#onRollover)
    model.on('updated', this.#onUpdated)
    model.on('pressed', this.#onPressed)
  }

  subscribe(rtc: Rtc, flags: number): void {
    const before = this.#subscribed.get(rtc) ?? 0
    if ((before ^ flags) & ROLLOVER) rtc.watchRollover((flags & ROLLOVER) !== 0)
    this.#subscribed.set(rtc, flags)
    this.onChange?.()
  }

  subscribeButton(on: boolean): void {
    this.buttonSubscribed = on
    this.onChange?.()
  }

  readonly #onAlarm = (rtc: Rtc, agentId: number): void => {
    if (agentId === this.agentId) this.#notify(rtc, ALARM)
  }

  readonly #onRollover = (rtc: Rtc): void => this.#notify(rtc, ROLLOVER)

  readonly #onUpdated = (rtc: Rtc): void => this.#notify(rtc, UPDATED)

  readonly #onPressed = (): void => {
    if (this.buttonSubscribed) this.protocol.notify(BUTTON_EVENT, [BUTTON_PRESSED])
  }

  #notify(rtc: Rtc, flag: number): void {
    const id = this.idOf(rtc)
    const wanted = ((this.#subscribed.get(rtc) ?? 0) & flag) !== 0
    if (id !== undefined && wanted) this.protocol.notify(RTC_EVENT, [((id << RTC_ID_SHIFT) | flag) >>> 0], rtc)
  }

  override permissionsChanged(): readonly Rtc[] {
    const revoked = super.permissionsChanged()
    for (const rtc of revoked) {
      this.subscribe(rtc, 0)
      this.#subscribed.delete(rtc)
    }
    if (this.protocol.denied) this.buttonSubscribed = false
    return revoked
  }

  save(): Saved {
    return [this.buttonSubscribed, [...this.#subscribed].map(([rtc, flags]) => [this.idOf(rtc)!, flags])]
  }

  restore(saved: Saved): void {
    const [button, subscribed] = readSaved(savedState, saved)
    this.buttonSubscribed = button
    for (const [id, flags] of subscribed) this.subscribe(this.saved(id), flags)
  }

  release(): void {
    const { model } = this
    model.off('alarm', this.#onAlarm)
    model.off('rollover', this.#onRollover)
    model.off('updated', this.#onUpdated)
    model.off('pressed', this.#onPressed)
    this.buttonSubscribed = false
    for (const rtc of this.list) {
      this.subscribe(rtc, 0)
      rtc.setAlarm(this.agentId, undefined)
    }
  }
}

function timeSet(state: BbmState, request: RequestReader): number {
  const rtc = state.find(request.u32())
  const flags = request.u32()
  const value = request.u64()
  if (!rtc) return state.refusal
  if (flags & ~TICKS) return INVALID_PARAMETERS
  if (!rtc.permissions.time) return DENIED
  const unit = flags & TICKS ? 'ticks' : 'seconds'
  return state.model.setTime(rtc, value, unit, state.agentId) ? SUCCESS : INVALID_PARAMETERS
}

function timeGet(state: BbmState, request: RequestReader, reply: MessageWriter): number {
  const rtc = state.find(request.u32())
  const flags = request.u32()
  if (!rtc) return state.refusal
  if (flags & ~TICKS) return INVALID_PARAMETERS
  reply.u64(flags & TICKS ? rtc.ticks : rtc.seconds)
  return SUCCESS
}

function alarmSet(state: BbmState, request: RequestReader): number {
  const rtc = state.find(request.u32())
  const flags = request.u32()
  const seconds = request.u64()
  if (!rtc) return state.refusal
  if (flags & ~ENABLE) return INVALID_PARAMETERS
  if (!rtc.permissions.alarm) return DENIED
  return rtc.setAlarm(state.agentId, flags & ENABLE ? seconds : undefined) ? SUCCESS : INVALID_PARAMETERS
}

function rtcNotify(state: BbmState, request: RequestReader): number {
  const rtc = state.find(request.u32())
  const flags = request.u32()
  if (!rtc) return state.refusal
  if (flags & ~RTC_FLAGS) return INVALID_PARAMETERS
  if (!rtc.permissions.notify) return DENIED
  state.subscribe(rtc, flags)
  return SUCCESS
}

const RTC_ID = [u32('rtc_id')]

const command = commandsOn<BbmState>()

export const bbm = defineProtocol({
  id: 0x81,
  name: 'imx_bbm',
  versions: [V1],
  takesPadding: true,
  resource: batteryBacked,
  attach: (platform, protocol) => new BbmState(platform.model(batteryBacked), protocol),
  show: ({ list, model }) => ({
    rtcs: list.map(({ name, seconds, ticksPerSecond }, id) => ({
      id,
      name,
      seconds,
      ticks_per_second: ticksPerSecond,
    })),
    battery_backed: [{ registers: model.registers.length, button_down: model.buttonDown }],
  }),
  commands: [
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], [u32('attributes')], (state, _request, reply) => {
      reply.u32((state.count << 16) | state.model.registers.length)
      return SUCCESS
    }),
    command(0x3, 'BBM_GPR_SET', [u32('index'), u32('value')], [], ({ model }, request) => {
      const index = request.u32()
      const value = request.u32()
      if (index >= model.registers.length) return NOT_FOUND
      if (!model.permissions.registers) return DENIED
      model.setRegister(index, value)
      return SUCCESS
    }),
    command(0x4, 'BBM_GPR_GET', [u32('index')], [u32('value')], ({ model }, request, reply) => {
      const value = model.registers[request.u32()]
      if (value === undefined) return NOT_FOUND
      reply.u32(value)
      return SUCCESS
    }),
    command(0x5, 'BBM_RTC_ATTRIBUTES', RTC_ID, [u32('attributes'), text('name')], (state, request, reply) => {
      const rtc = state.find(request.u32())
      if (!rtc) return state.refusal
      const { secondsWidth, ticksWidth, ticksPerSecond } = rtc
      reply.u32((secondsWidth << SECONDS_WIDTH_SHIFT) | (ticksWidth << TICKS_WIDTH_SHIFT) | ticksPerSecond)
      reply.text(rtc.name, SHORT_NAME_SIZE)
      return SUCCESS
    }),
    command(0x6, 'BBM_RTC_TIME_SET', [u32('rtc_id'), u32('flags'), u64('value')], [], timeSet),
    command(0x7, 'BBM_RTC_TIME_GET', [u32('rtc_id'), u32('flags')], [u64('value')], timeGet),
    command(0x8, 'BBM_RTC_ALARM_SET', [u32('rtc_id'), u32('flags'), u64('value')], [], alarmSet),
    command(0x9, 'BBM_BUTTON_GET', [], [u32('state')], ({ model }, _request, reply) => {
      reply.u32(model.buttonDown ? 1 : 0)
      return SUCCESS
    }),
    command(0xa, 'BBM_RTC_NOTIFY', [u32('rtc_id'), u32('flags')], [], rtcNotify, { needsEvents: true }),
    command(
      0xb,
      'BBM_BUTTON_NOTIFY',
      [u32('flags')],
      [],
      (state, request) => {
        const flags = request.u32()
        if (flags & ~BUTTON_PRESSED) return INVALID_PARAMETERS
        if (!state.model.permissions.button) return DENIED
        state.subscribeButton(flags !== 0)
        return SUCCESS
      },
      { needsEvents: true },
    ),
    command(0xc, 'BBM_RTC_STATE', RTC_ID, [u32('state')], (state, request, reply) => {
      const rtc = state.find(request.u32())
      if (!rtc) return state.refusal
      reply.u32((rtc.lost ? LOST : 0) | (rtc.batteryLow ? BATTERY_LOW : 0))
      return SUCCESS
    }),
  ],
  events: [event(RTC_EVENT, 'BBM_RTC_EVENT', [u32('flags')]), event(BUTTON_EVENT, 'BBM_BUTTON_EVENT', [u32('flags')])],
})
