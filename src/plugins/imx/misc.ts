/**
 * NXP i.MX Miscellaneous protocol, 0x84 (Linux, vendors/imx/imx95.rst; imx-sm), versions 1.0 and 1.1. DDR information
 * (0x22) is not declared: there is no DDR controller here.
 */
import { commandsOn, defineProtocol } from '../../protocols/declaration/define-protocol.js'
import { SHORT_NAME_SIZE } from '../../protocols/declaration/names.js'
import { Parts } from '../../protocols/declaration/parts.js'
import type { AgentProtocol } from '../../protocols/declaration/protocol.js'
import type { ResourceView } from '../../protocols/declaration/view.js'
import { list, text, u32 } from '../../wire/fields.js'
import type { MessageWriter, RequestReader } from '../../wire/message.js'
import { DENIED, INVALID_PARAMETERS, NOT_FOUND, NOT_SUPPORTED, PROTOCOL_ERROR, SUCCESS } from '../../wire/status.js'
import { lms, misc as miscKind } from './kinds.js'
import { reasonsAsSeen } from './lmm.js'
import { reasonsOf } from './lms.js'
import type { Control } from './misc-info.js'
import { BOARD, CONTROL_EVENT, MiscView } from './misc-view.js'
import { REASON_REPLY, writeReasons } from './reason-words.js'
import { countedWords } from './words.js'

const V1 = 0x10000
const V1_1 = 0x10001

/** MISC_RESET_REASON: the system's reasons, not those of the caller's machine. */
const SYSTEM = 1 << 0

const CONTROL_ID = [u32('ctrl_id')]
const word = [u32('word')]
const LOG = new Parts('num_log_flags', 'syslog', word, { bits: 12, remainingAt: 20 })
const counted = (name: string, count: string) => [u32(count), list(name, word, v => Number(v[count]))]

function protocolAttributes(view: MiscView, _request: RequestReader, reply: MessageWriter): number {
  const { deviceControls, boardControls, misc } = view
  reply.u32(boardControls.count * 2 ** 24 + (misc.reasonNames.length << 16) + deviceControls.count)
  return SUCCESS
}

function writeWords(reply: MessageWriter, words: ArrayLike<number>): void {
  reply.u32(words.length)
  for (let i = 0; i < words.length; i++) reply.u32(words[i] ?? 0)
}

function miscControlSet(view: MiscView, request: RequestReader): number {
  const control = view.find(request.u32())
  const values = countedWords(request)
  if (!values) return PROTOCOL_ERROR
  if (!control) return view.refusal
  if (!control.permissions.set) return DENIED
  if (values.length !== control.values.length) return INVALID_PARAMETERS
  view.misc.set(control, values, view.agentId)
  return SUCCESS
}

function miscControlGet(view: MiscView, request: RequestReader, reply: MessageWriter): number {
  const control = view.find(request.u32())
  if (!control) return view.refusal
  writeWords(reply, control.values)
  return SUCCESS
}

function miscControlAction(view: MiscView, request: RequestReader, reply: MessageWriter): number {
  const control = view.find(request.u32())
  const action = request.u32()
  const args = countedWords(request)
  if (!args) return PROTOCOL_ERROR
  if (!control) return view.refusal
  if (!control.permissions.set) return DENIED
  const words = control.actions.get(action)
  if (!words) return NOT_SUPPORTED
  writeWords(reply, words)
  view.misc.emit('action', control, action, args, view.agentId)
  return SUCCESS
}

/** Both `addr` and `len` count words. The list has a count of its own, which must be `len`. */
function miscControlExtSet(view: MiscView, request: RequestReader): number {
  const control = view.find(request.u32())
  const first = request.u32()
  const length = request.u32()
  const values = countedWords(request)
  if (!values) return PROTOCOL_ERROR
  if (!control) return view.refusal
  if (values.length !== length) return INVALID_PARAMETERS
  if (!control.permissions.set) return DENIED
  if (control.extended.length === 0) return NOT_SUPPORTED
  if (first + length > control.extended.length) return INVALID_PARAMETERS
  view.misc.setExtended(control, first, values, view.agentId)
  return SUCCESS
}

function miscControlExtGet(view: MiscView, request: RequestReader, reply: MessageWriter): number {
  const control = view.find(request.u32())
  const first = request.u32()
  const length = request.u32()
  if (!control) return view.refusal
  if (control.extended.length === 0) return NOT_SUPPORTED
  if (first + length > control.extended.length) return INVALID_PARAMETERS
  writeWords(reply, control.extended.subarray(first, first + length))
  return SUCCESS
}

function miscResetReason(
  { platform, misc }: MiscView,
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

function miscSyslogGet({ misc }: MiscView, request: RequestReader, reply: MessageWriter): number {
  // Flags are device-specific, and this device has none.
  request.u32()
  const index = request.u32()
  if (!misc.log) return NOT_SUPPORTED
  const left = Math.max(misc.log.length - index, 0)
  const returned = LOG.begin(reply, left)
  for (let i = index; i < index + returned; i++) reply.u32(misc.log[i]!)
  return SUCCESS
}

function miscDiscoverBuildInfo({ misc: { build } }: MiscView, _request: RequestReader, reply: MessageWriter): number {
  if (!build) return NOT_SUPPORTED
  reply.u32(build.number)
  reply.u32(build.commit)
  reply.text(build.date, SHORT_NAME_SIZE)
  reply.text(build.time, SHORT_NAME_SIZE)
  return SUCCESS
}

function miscRomPassoverGet({ misc }: MiscView, _request: RequestReader, reply: MessageWriter): number {
  if (!misc.romPassover) return NOT_SUPPORTED
  writeWords(reply, misc.romPassover)
  return SUCCESS
}

function miscControlNotify(view: MiscView, request: RequestReader): number {
  const control = view.find(request.u32())
  const flags = request.u32()
  if (!control) return view.refusal
  if (!control.permissions.notify) return DENIED
  view.subscriptions.set(control, flags)
  return SUCCESS
}

function miscReasonAttributes({ misc }: MiscView, request: RequestReader, reply: MessageWriter): number {
  const name = misc.reasonNames[request.u32()]
  if (name === undefined) return NOT_FOUND
  reply.u32(0)
  reply.text(name, SHORT_NAME_SIZE)
  return SUCCESS
}

function miscSiInfoGet({ misc: { silicon } }: MiscView, _request: RequestReader, reply: MessageWriter): number {
  if (!silicon) return NOT_SUPPORTED
  reply.u32(silicon.device_id)
  reply.u32(silicon.revision)
  reply.u32(silicon.part_number)
  reply.text(silicon.name, SHORT_NAME_SIZE)
  return SUCCESS
}

function miscCfgInfoGet({ misc: { config } }: MiscView, _request: RequestReader, reply: MessageWriter): number {
  if (!config) return NOT_SUPPORTED
  reply.u32(config.mode)
  reply.text(config.name, SHORT_NAME_SIZE)
  return SUCCESS
}

function miscBoardInfo({ misc: { board } }: MiscView, _request: RequestReader, reply: MessageWriter): number {
  if (!board) return NOT_SUPPORTED
  reply.u32(board.attributes)
  reply.text(board.name, SHORT_NAME_SIZE)
  return SUCCESS
}

const command = commandsOn<MiscView>()

export const misc = defineProtocol({
  id: 0x84,
  name: 'imx_misc',
  versions: [V1, V1_1],
  negotiateSince: V1,
  takesPadding: true,
  resource: miscKind,
  attach: (platform, protocol) => new MiscView(platform, protocol),
  show({ deviceControls, boardControls }) {
    const rows = (view: ResourceView<Control>, first: number) =>
      view.rows(({ name, values }, id) => ({ id: first + id, name, value: [...values] }))
    return { device_controls: rows(deviceControls, 0), board_controls: rows(boardControls, BOARD) }
  },
  commands: [
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], [u32('attributes')], protocolAttributes),
    command(0x3, 'MISC_CONTROL_SET', [...CONTROL_ID, ...counted('val', 'num_val')], [], miscControlSet),
    command(0x4, 'MISC_CONTROL_GET', CONTROL_ID, counted('val', 'num_val'), miscControlGet),
    command(
      0x5,
      'MISC_CONTROL_ACTION',
      [...CONTROL_ID, u32('action'), ...counted('arg', 'num_arg')],
      counted('rtn', 'num_rtn'),
      miscControlAction,
    ),
    command(
      0x6,
      'MISC_DISCOVER_BUILD_INFO',
      [],
      [u32('build_num'), u32('build_commit'), text('build_date'), text('build_time')],
      miscDiscoverBuildInfo,
    ),
    command(0x7, 'MISC_ROM_PASSOVER_GET', [], counted('passover', 'num_passover'), miscRomPassoverGet),
    command(0x8, 'MISC_CONTROL_NOTIFY', [...CONTROL_ID, u32('flags')], [], miscControlNotify, { needsEvents: true }),
    command(0x9, 'MISC_REASON_ATTRIBUTES', [u32('reason_id')], [u32('attributes'), text('name')], miscReasonAttributes),
    command(0xa, 'MISC_RESET_REASON', [u32('flags')], REASON_REPLY, miscResetReason),
    command(
      0xb,
      'MISC_SI_INFO_GET',
      [],
      [u32('device_id'), u32('si_rev'), u32('part_num'), text('si_name')],
      miscSiInfoGet,
    ),
    command(0xc, 'MISC_CFG_INFO_GET', [], [u32('msel'), text('cfg_name')], miscCfgInfoGet),
    command(0xd, 'MISC_SYSLOG_GET', [u32('flags'), u32('log_index')], LOG.fields, miscSyslogGet),
    command(0xe, 'MISC_BOARD_INFO', [], [u32('attributes'), text('name')], miscBoardInfo),
    command(
      0x20,
      'MISC_CONTROL_EXT_SET',
      [...CONTROL_ID, u32('addr'), u32('len'), ...counted('ext_val', 'num_val')],
      [],
      miscControlExtSet,
    ),
    command(
      0x21,
      'MISC_CONTROL_EXT_GET',
      [...CONTROL_ID, u32('addr'), u32('len')],
      counted('ext_val', 'num_val'),
      miscControlExtGet,
    ),
  ],
  events: [CONTROL_EVENT],
})
