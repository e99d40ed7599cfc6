/**
 * NXP i.MX Miscellaneous protocol, 0x84 (Linux, vendors/imx/imx95.rst; imx-sm), versions 1.0 and 1.1. DDR information
 * (0x22) is not declared: there is no DDR controller here.
 */
import { z } from 'zod'
import { mustHave, readSaved, type Saved, savedWord } from '../../platform/core/kept.js'
import type { Platform } from '../../platform/core/platform.js'
import { SHORT_NAME_SIZE } from '../../protocols/declaration/names.js'
import {
  type AgentProtocol,
  type AgentState,
  commandsOn,
  defineProtocol,
  event,
} from '../../protocols/declaration/protocol.js'
import { ResourceView } from '../../protocols/declaration/view.js'
import { list, text, u32 } from '../../wire/fields.js'
import type { MessageWriter, RequestReader } from '../../wire/message.js'
import { DENIED, INVALID_PARAMETERS, NOT_FOUND, NOT_SUPPORTED, PROTOCOL_ERROR, SUCCESS } from '../../wire/status.js'
import { lms, misc as miscKind } from './kinds.js'
import { reasonsAsSeen } from './lmm.js'
import { reasonsOf } from './lms.js'
import type { Control, Misc } from './misc-info.js'
import { REASON_REPLY, writeReasons } from './reason-words.js'
import { countedWords } from './words.js'

const V1 = 0x10000
const V1_1 = 0x10001

/** Ids of board controls have this bit. */
const BOARD = 0x8000

/** MISC_RESET_REASON: the system's reasons, not those of the caller's machine. */
const SYSTEM = 1 << 0

const CONTROL_EVENT = 0x0

const savedSubscriptions = z.array(z.tuple([savedWord.describe('id'), savedWord.describe('flags')]))

class MiscState implements AgentState {
  onChange: (() => void) | undefined
  readonly misc: Misc
  readonly platform: Platform
  readonly deviceControls: ResourceView<Control>
  readonly boardControls: ResourceView<Control>
  /** Why the last `find` gave nothing. */
  refusal = NOT_FOUND
  readonly #protocol: AgentProtocol
  /** Flags of MISC_CONTROL_NOTIFY. */
  readonly #subscribed = new Map<Control, number>()

  constructor(platform: Platform, protocol: AgentProtocol) {
    this.misc = platform.model(miscKind)
    this.platform = platform
    this.deviceControls = new ResourceView(this.misc.deviceControls, protocol)
    this.boardControls = new ResourceView(this.misc.boardControls, protocol)
    this.#protocol = protocol
    this.misc.on('happened', this.#onHappened)
  }

  get agentId(): number {
    return this.#protocol.agent.id
  }

  /** The control with this id, or undefined: then answer `refusal`. */
  find(id: number): Control | undefined {
    const view = id & BOARD ? this.boardControls : this.deviceControls
    const control = view.find(id & BOARD ? id - BOARD : id)
    this.refusal = view.refusal
    return control
  }

  subscribe(control: Control, flags: number): void {
    this.#subscribed.set(control, flags)
    this.onChange?.()
  }

  save(): Saved {
    return [...this.#subscribed].map(([control, flags]) => [this.#idOf(control)!, flags])
  }

  restore(saved: Saved): void {
    for (const [id, flags] of readSaved(savedSubscriptions, saved)) {
      const { list } = id & BOARD ? this.boardControls : this.deviceControls
      this.subscribe(mustHave(list[id & BOARD ? id - BOARD : id], `there is no control ${id}`), flags)
    }
  }

  /** Undefined if the agent does not see it or may not use it. */
  #idOf(control: Control): number | undefined {
    const board = this.boardControls.idOf(control)
    return board === undefined ? this.deviceControls.idOf(control) : BOARD + board
  }

  readonly #onHappened = (control: Control, flags: number): void => {
    if (((this.#subscribed.get(control) ?? 0) & flags) === 0) return
    const id = this.#idOf(control)
    if (id !== undefined) this.#protocol.notify(CONTROL_EVENT, [id, flags >>> 0], control)
  }

  permissionsChanged(): void {
    for (const view of [this.deviceControls, this.boardControls]) {
      for (const control of view.permissionsChanged()) this.#subscribed.delete(control)
    }
  }

  release(): void {
    this.misc.off('happened', this.#onHappened)
  }
}

function writeWords(reply: MessageWriter, words: ArrayLike<number>): void {
  reply.u32(words.length)
  for (let i = 0; i < words.length; i++) reply.u32(words[i] ?? 0)
}

function controlSet(state: MiscState, request: RequestReader): number {
  const control = state.find(request.u32())
  const values = countedWords(request)
  if (!values) return PROTOCOL_ERROR
  if (!control) return state.refusal
  if (!control.permissions.set) return DENIED
  if (values.length !== control.values.length) return INVALID_PARAMETERS
  state.misc.set(control, values, state.agentId)
  return SUCCESS
}

function controlAction(state: MiscState, request: RequestReader, reply: MessageWriter): number {
  const control = state.find(request.u32())
  const action = request.u32()
  const args = countedWords(request)
  if (!args) return PROTOCOL_ERROR
  if (!control) return state.refusal
  if (!control.permissions.set) return DENIED
  const words = control.actions.get(action)
  if (!words) return NOT_SUPPORTED
  writeWords(reply, words)
  state.misc.emit('action', control, action, args, state.agentId)
  return SUCCESS
}

/** `addr` counts words, as `len` does; the list has its own count, which must say the same. */
function extendedSet(state: MiscState, request: RequestReader): number {
  const control = state.find(request.u32())
  const first = request.u32()
  const length = request.u32()
  const values = countedWords(request)
  if (!values) return PROTOCOL_ERROR
  if (!control) return state.refusal
  if (values.length !== length) return INVALID_PARAMETERS
  if (!control.permissions.set) return DENIED
  if (control.extended.length === 0) return NOT_SUPPORTED
  if (first + length > control.extended.length) return INVALID_PARAMETERS
  state.misc.setExtended(control, first, values, state.agentId)
  return SUCCESS
}

function extendedGet(state: MiscState, request: RequestReader, reply: MessageWriter): number {
  const control = state.find(request.u32())
  const first = request.u32()
  const length = request.u32()
  if (!control) return state.refusal
  if (control.extended.length === 0) return NOT_SUPPORTED
  if (first + length > control.extended.length) return INVALID_PARAMETERS
  writeWords(reply, control.extended.subarray(first, first + length))
  return SUCCESS
}

function resetReason(
  { platform, misc }: MiscState,
  request: RequestReader,
  reply: MessageWriter,
  protocol: AgentProtocol,
): number {
  const flags = request.u32()
  if (flags & ~SYSTEM) return INVALID_PARAMETERS
  const machines = platform.has(lms) ? platform.model(lms) : undefined
  const own = flags & SYSTEM ? undefined : machines?.ofAgent(protocol.agent.name)
  writeReasons(reply, reasonsAsSeen(protocol.agent, own ? reasonsOf(own, misc.reasons) : misc.reasons))
  return SUCCESS
}

function systemLog({ misc }: MiscState, request: RequestReader, reply: MessageWriter): number {
  request.u32() // Flags: device-specific, and this device has none.
  const index = request.u32()
  if (!misc.log) return NOT_SUPPORTED
  const left = Math.max(misc.log.length - index, 0)
  const returned = Math.min(left, reply.room(4, 4))
  reply.u32((left - returned) * 2 ** 20 + returned)
  for (let i = 0; i < returned; i++) reply.u32(misc.log[index + i]!)
  return SUCCESS
}

const CONTROL_ID = [u32('ctrl_id')]
const word = [u32('word')]
const counted = (name: string, count: string) => [u32(count), list(name, word, v => Number(v[count]))]

const command = commandsOn<MiscState>()

export const misc = defineProtocol({
  id: 0x84,
  name: 'imx_misc',
  versions: [V1, V1_1],
  negotiateSince: V1,
  takesPadding: true,
  resource: miscKind,
  attach: (platform, protocol) => new MiscState(platform, protocol),
  show({ deviceControls, boardControls }) {
    const rows = (view: ResourceView<Control>, first: number) =>
      view.list.map(({ name, values }, i) => ({ id: first + i, name, value: [...values] }))
    return { device_controls: rows(deviceControls, 0), board_controls: rows(boardControls, BOARD) }
  },
  commands: [
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], [u32('attributes')], (state, _request, reply) => {
      const { deviceControls, boardControls, misc } = state
      reply.u32(boardControls.count * 2 ** 24 + (misc.reasonNames.length << 16) + deviceControls.count)
      return SUCCESS
    }),
    command(0x3, 'MISC_CONTROL_SET', [...CONTROL_ID, ...counted('val', 'num_val')], [], controlSet),
    command(0x4, 'MISC_CONTROL_GET', CONTROL_ID, counted('val', 'num_val'), (state, request, reply) => {
      const control = state.find(request.u32())
      if (!control) return state.refusal
      writeWords(reply, control.values)
      return SUCCESS
    }),
    command(
      0x5,
      'MISC_CONTROL_ACTION',
      [...CONTROL_ID, u32('action'), ...counted('arg', 'num_arg')],
      counted('rtn', 'num_rtn'),
      controlAction,
    ),
    command(
      0x6,
      'MISC_DISCOVER_BUILD_INFO',
      [],
      [u32('build_num'), u32('build_commit'), text('build_date'), text('build_time')],
      ({ misc: { build } }, _request, reply) => {
        if (!build) return NOT_SUPPORTED
        reply.u32(build.number)
        reply.u32(build.commit)
        reply.text(build.date, SHORT_NAME_SIZE)
        reply.text(build.time, SHORT_NAME_SIZE)
        return SUCCESS
      },
    ),
    command(0x7, 'MISC_ROM_PASSOVER_GET', [], counted('passover', 'num_passover'), ({ misc }, _request, reply) => {
      if (!misc.romPassover) return NOT_SUPPORTED
      writeWords(reply, misc.romPassover)
      return SUCCESS
    }),
    command(
      0x8,
      'MISC_CONTROL_NOTIFY',
      [...CONTROL_ID, u32('flags')],
      [],
      (state, request) => {
        const control = state.find(request.u32())
        const flags = request.u32()
        if (!control) return state.refusal
        if (!control.permissions.notify) return DENIED
        state.subscribe(control, flags)
        return SUCCESS
      },
      { needsEvents: true },
    ),
    command(
      0x9,
      'MISC_REASON_ATTRIBUTES',
      [u32('reason_id')],
      [u32('attributes'), text('name')],
      ({ misc }, request, reply) => {
        const name = misc.reasonNames[request.u32()]
        if (name === undefined) return NOT_FOUND
        reply.u32(0)
        reply.text(name, SHORT_NAME_SIZE)
        return SUCCESS
      },
    ),
    command(0xa, 'MISC_RESET_REASON', [u32('flags')], REASON_REPLY, resetReason),
    command(
      0xb,
      'MISC_SI_INFO_GET',
      [],
      [u32('device_id'), u32('si_rev'), u32('part_num'), text('si_name')],
      ({ misc: { silicon } }, _request, reply) => {
        if (!silicon) return NOT_SUPPORTED
        reply.u32(silicon.device_id)
        reply.u32(silicon.revision)
        reply.u32(silicon.part_number)
        reply.text(silicon.name, SHORT_NAME_SIZE)
        return SUCCESS
      },
    ),
    command(0xc, 'MISC_CFG_INFO_GET', [], [u32('msel'), text('cfg_name')], ({ misc: { config } }, _request, reply) => {
      if (!config) return NOT_SUPPORTED
      reply.u32(config.mode)
      reply.text(config.name, SHORT_NAME_SIZE)
      return SUCCESS
    }),
    command(
      0xd,
      'MISC_SYSLOG_GET',
      [u32('flags'), u32('log_index')],
      [u32('num_log_flags'), list('syslog', word, v => Number(v.num_log_flags) & 0xfff)],
      systemLog,
      // At least one word must fit, or the agent could never go on.
      { replyMin: 8 },
    ),
    command(0xe, 'MISC_BOARD_INFO', [], [u32('attributes'), text('name')], ({ misc: { board } }, _request, reply) => {
      if (!board) return NOT_SUPPORTED
      reply.u32(board.attributes)
      reply.text(board.name, SHORT_NAME_SIZE)
      return SUCCESS
    }),
    command(
      0x20,
      'MISC_CONTROL_EXT_SET',
      [...CONTROL_ID, u32('addr'), u32('len'), ...counted('ext_val', 'num_val')],
      [],
      extendedSet,
    ),
    command(
      0x21,
      'MISC_CONTROL_EXT_GET',
      [...CONTROL_ID, u32('addr'), u32('len')],
      counted('ext_val', 'num_val'),
      extendedGet,
    ),
  ],
  events: [event(CONTROL_EVENT, 'MISC_CONTROL_EVENT', [u32('ctrl_id'), u32('flags')])],
})
