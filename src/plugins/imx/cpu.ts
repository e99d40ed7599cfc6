/**
 * NXP i.MX CPU protocol, 0x82 (Linux, vendors/imx/imx95.rst; imx-sm), version 1.0. Commands 0x8 to 0xb, which set wake
 * sources and low-power modes of hardware that there is none of here, are not declared, and so NOT_SUPPORTED.
 */
import type { AgentProtocol } from '../../protocols/agent.js'
import { SHORT_NAME_SIZE } from '../../protocols/names.js'
import { type AgentState, command, defineProtocol } from '../../protocols/protocol.js'
import { ResourceView } from '../../protocols/view.js'
import { text, u32, u64 } from '../../wire/fields.js'
import type { RequestReader } from '../../wire/message.js'
import { DENIED, INVALID_PARAMETERS, SUCCESS } from '../../wire/status.js'
import { type Cpu, type Cpus, cpus, RunMode, SleepMode } from './cpus.js'

const V1 = 0x10000

/** CPU_RESET_VECTOR_SET flags */
const RESUME = 2 ** 31
const START = 1 << 30
const BOOT = 1 << 29
const TABLE = 1 << 0
const VECTOR_FLAGS = 0xe000_0001

/** CPU_SLEEP_MODE_SET flags: interrupt multiplexer, wake with the platform, low-power compute. */
const LOW_POWER_COMPUTE = 1 << 2
const SLEEP_FLAGS = 0x7

const SLEEP_MODES = Object.keys(SleepMode) as SleepMode[]

class CpuState extends ResourceView<Cpu> implements AgentState {
  readonly cpus: Cpus

  constructor(cpus: Cpus, protocol: AgentProtocol) {
    super(cpus.list, protocol)
    this.cpus = cpus
  }
}

function resetVectorSet(state: CpuState, request: RequestReader): number {
  const cpu = state.find(request.u32())
  const flags = request.u32()
  const address = request.u64()
  if (!cpu) return state.refusal
  if (!cpu.permissions.control) return DENIED
  const use = {
    table: (flags & TABLE) !== 0,
    boot: (flags & BOOT) !== 0,
    start: (flags & START) !== 0,
    resume: (flags & RESUME) !== 0,
  }
  if (flags & ~VECTOR_FLAGS || !(use.boot || use.start || use.resume)) return INVALID_PARAMETERS
  return state.cpus.setVector(cpu, address, use) ? SUCCESS : INVALID_PARAMETERS
}

function sleepModeSet(state: CpuState, request: RequestReader): number {
  const cpu = state.find(request.u32())
  const flags = request.u32()
  const mode = SLEEP_MODES[request.u32()]
  if (!cpu) return state.refusal
  if (!cpu.permissions.control) return DENIED
  if (flags & ~SLEEP_FLAGS || mode === undefined) return INVALID_PARAMETERS
  if (flags & LOW_POWER_COMPUTE && mode !== 'run') return INVALID_PARAMETERS
  state.cpus.setSleepMode(cpu, mode)
  return SUCCESS
}

const CPU_ID = [u32('cpu_id')]

export const cpu = defineProtocol<CpuState>({
  id: 0x82,
  name: 'imx_cpu',
  versions: [V1],
  resource: cpus,
  attach: (platform, protocol) => new CpuState(platform.model(cpus), protocol),
  show: ({ list }) => ({
    cpus: list.map(({ name, runMode, sleepMode, vectors }, id) => {
      return { id, name, run_mode: runMode, sleep_mode: sleepMode, start_address: `0x${vectors.start.toString(16)}` }
    }),
  }),
  commands: [
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], [u32('attributes')], (state, _request, reply) => {
      reply.u32(state.list.length)
      return SUCCESS
    }),
    command(0x3, 'CPU_ATTRIBUTES', CPU_ID, [u32('attributes'), text('name')], (state, request, reply) => {
      const cpu = state.find(request.u32())
      if (!cpu) return state.refusal
      reply.u32(0)
      reply.text(cpu.name, SHORT_NAME_SIZE)
      return SUCCESS
    }),
    command(0x4, 'CPU_START', CPU_ID, [], (state, request) => {
      const cpu = state.find(request.u32())
      if (!cpu) return state.refusal
      if (!cpu.permissions.control) return DENIED
      state.cpus.start(cpu, state.agentId)
      return SUCCESS
    }),
    command(0x5, 'CPU_STOP', CPU_ID, [], (state, request) => {
      const cpu = state.find(request.u32())
      if (!cpu) return state.refusal
      if (!cpu.permissions.control) return DENIED
      state.cpus.stop(cpu, state.agentId)
      return SUCCESS
    }),
    command(0x6, 'CPU_RESET_VECTOR_SET', [u32('cpu_id'), u32('flags'), u64('reset_vector')], [], resetVectorSet),
    command(0x7, 'CPU_SLEEP_MODE_SET', [u32('cpu_id'), u32('flags'), u32('sleep_mode')], [], sleepModeSet),
    command(
      0xc,
      'CPU_INFO_GET',
      CPU_ID,
      [u32('run_mode'), u32('sleep_mode'), u64('reset_vector')],
      (state, request, reply) => {
        const cpu = state.find(request.u32())
        if (!cpu) return state.refusal
        reply.u32(RunMode[cpu.runMode])
        reply.u32(SleepMode[cpu.sleepMode])
        reply.u64(cpu.vectors.start)
        return SUCCESS
      },
    ),
  ],
})
