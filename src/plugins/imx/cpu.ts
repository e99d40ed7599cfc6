/** NXP i.MX CPU protocol, 0x82 (Linux, vendors/imx/imx95.rst; imx-sm), version 1.0. */
import type { PowerDomain } from '../../platform/power-domains/model.js'
import { commandsOn, defineProtocol } from '../../protocols/declaration/define-protocol.js'
import { SHORT_NAME_SIZE } from '../../protocols/declaration/names.js'
import type { AgentProtocol } from '../../protocols/declaration/protocol.js'
import { answerCount, ResourceView } from '../../protocols/declaration/view.js'
import { power } from '../../protocols/power.js'
import { type Field, list, text, u32, u64 } from '../../wire/fields.js'
import type { MessageWriter, RequestReader } from '../../wire/message.js'
import { DENIED, INVALID_PARAMETERS, NOT_FOUND, PROTOCOL_ERROR, SUCCESS } from '../../wire/status.js'
import { type Cpu, type Cpus, RunMode, SleepMode } from './cpus.js'
import { cpus } from './kinds.js'
import { LPM_SETTINGS } from './low-power.js'
import { countedWords } from './words.js'

/** Protocol id. */
export const IMX_CPU = 0x82

const V1 = 0x10000

/** CPU_RESET_VECTOR_SET flags */
const RESUME = 2 ** 31
const START = 1 << 30
const BOOT = 1 << 29
const TABLE = 1 << 0
const VECTOR_FLAGS = 0xe000_0001

/** CPU_SLEEP_MODE_SET flags: interrupt multiplexer, wake with the platform, low-power compute */
const LOW_POWER_COMPUTE = 1 << 2
const SLEEP_FLAGS = 0x7

const SLEEP_MODES = Object.keys(SleepMode) as SleepMode[]

const CPU_ID = [u32('cpu_id')]
const MASKS = [u32('mask_index'), u32('num_masks'), list('masks', [u32('mask')], v => Number(v.num_masks))]
const DOMAIN_CONFIG = [u32('domain_id'), u32('lpm_setting'), u32('retention_mask')]
const INTERFACE_CONFIG = [u32('peripheral_id'), u32('lpm_setting')]
const configs = (entry: Field[]) => [u32('num_configs'), list('configs', entry, v => Number(v.num_configs))]

class CpuView extends ResourceView<Cpu> {
  readonly cpus: Cpus

  constructor(cpus: Cpus, protocol: AgentProtocol) {
    super(cpus.list, protocol)
    this.cpus = cpus
  }

  /** The agent holds nothing: what it sets up belongs to the CPUs. */
  reset(): void {}

  /** The power domains as this agent sees them; undefined if it sees none. */
  get powerDomains(): ResourceView<PowerDomain> | undefined {
    return this.protocol.agent.protocols[power.id]?.state as ResourceView<PowerDomain> | undefined
  }
}

function cpuAttributes(view: CpuView, request: RequestReader, reply: MessageWriter): number {
  const cpu = view.find(request.u32())
  if (!cpu) return view.refusal
  reply.u32(0)
  reply.text(cpu.wireName, SHORT_NAME_SIZE)
  return SUCCESS
}

/** The handler of CPU_START and CPU_STOP. */
function switching(how: 'start' | 'stop') {
  return (view: CpuView, request: RequestReader): number => {
    const cpu = view.find(request.u32())
    if (!cpu) return view.refusal
    if (!cpu.permissions.control) return DENIED
    view.cpus[how](cpu, view.agentId)
    return SUCCESS
  }
}

const cpuStart = switching('start')
const cpuStop = switching('stop')

function cpuResetVectorSet(view: CpuView, request: RequestReader): number {
  const cpu = view.find(request.u32())
  const flags = request.u32()
  const address = request.u64()
  if (!cpu) return view.refusal
  const use = {
    table: (flags & TABLE) !== 0,
    boot: (flags & BOOT) !== 0,
    start: (flags & START) !== 0,
    resume: (flags & RESUME) !== 0,
  }
  if (flags & ~VECTOR_FLAGS || !(use.boot || use.start || use.resume)) return INVALID_PARAMETERS
  if (!cpu.permissions.control) return DENIED
  return view.cpus.setVector(cpu, address, use) ? SUCCESS : INVALID_PARAMETERS
}

function cpuSleepModeSet(view: CpuView, request: RequestReader): number {
  const cpu = view.find(request.u32())
  const flags = request.u32()
  const mode = SLEEP_MODES[request.u32()]
  if (!cpu) return view.refusal
  if (flags & ~SLEEP_FLAGS || mode === undefined) return INVALID_PARAMETERS
  if (flags & LOW_POWER_COMPUTE && mode !== 'run') return INVALID_PARAMETERS
  if (!cpu.permissions.control) return DENIED
  view.cpus.setSleepMode(cpu, mode)
  return SUCCESS
}

/** The handler of CPU_IRQ_WAKE_SET and CPU_NON_IRQ_WAKE_SET, which set some words of a mask. */
function settingWake(mask: 'irqMask' | 'nonIrqMask') {
  return (view: CpuView, request: RequestReader): number => {
    const cpu = view.find(request.u32())
    const first = request.u32()
    const words = countedWords(request)
    if (!words) return PROTOCOL_ERROR
    if (!cpu) return view.refusal
    if (!cpu.permissions.control) return DENIED
    if (first + words.length > cpu.lowPower[mask].length) return INVALID_PARAMETERS
    view.cpus.setMask(cpu, mask, first, words)
    return SUCCESS
  }
}

/** Sets all domains of the message, or none. Ids of domains are the agent's. */
function cpuPdLpmConfigSet(view: CpuView, request: RequestReader): number {
  const cpu = view.find(request.u32())
  const words = countedWords(request, DOMAIN_CONFIG.length)
  if (!words) return PROTOCOL_ERROR
  if (!cpu) return view.refusal
  const domains = view.powerDomains
  const configs: { domain: PowerDomain; setting: number; retained: number }[] = []
  for (let i = 0; i < words.length; i += DOMAIN_CONFIG.length) {
    const domain = domains?.find(words[i]!)
    if (!domain) return domains?.refusal ?? NOT_FOUND
    configs.push({ domain, setting: words[i + 1]!, retained: words[i + 2]! })
  }
  if (configs.some(({ setting }) => setting >= LPM_SETTINGS.length)) return INVALID_PARAMETERS
  if (!cpu.permissions.control) return DENIED
  for (const { domain, ...config } of configs) view.cpus.setDomain(cpu, domain.name, config)
  return SUCCESS
}

/** Sets all low-power interfaces of the message, or none. */
function cpuPerLpmConfigSet(view: CpuView, request: RequestReader): number {
  const cpu = view.find(request.u32())
  const words = countedWords(request, INTERFACE_CONFIG.length)
  if (!words) return PROTOCOL_ERROR
  if (!cpu) return view.refusal
  const ids = words.filter((_, i) => i % INTERFACE_CONFIG.length === 0)
  const settings = words.filter((_, i) => i % INTERFACE_CONFIG.length === 1)
  if (ids.some(id => id >= cpu.lowPowerInterfaces)) return NOT_FOUND
  if (settings.some(setting => setting >= LPM_SETTINGS.length)) return INVALID_PARAMETERS
  if (!cpu.permissions.control) return DENIED
  for (const [i, id] of ids.entries()) view.cpus.setInterface(cpu, id, settings[i]!)
  return SUCCESS
}

const cpuIrqWakeSet = settingWake('irqMask')
const cpuNonIrqWakeSet = settingWake('nonIrqMask')

function cpuInfoGet(view: CpuView, request: RequestReader, reply: MessageWriter): number {
  const cpu = view.find(request.u32())
  if (!cpu) return view.refusal
  reply.u32(RunMode[cpu.runMode])
  reply.u32(SleepMode[cpu.sleepMode])
  reply.u64(cpu.vectors.start)
  return SUCCESS
}

const command = commandsOn<CpuView>()

export const cpu = defineProtocol({
  id: IMX_CPU,
  name: 'imx_cpu',
  versions: [V1],
  takesPadding: true,
  resource: cpus,
  attach: (platform, protocol) => new CpuView(platform.model(cpus), protocol),
  show: view => ({
    cpus: view.rows(({ name, runMode, sleepMode, vectors }, id) => {
      return { id, name, run_mode: runMode, sleep_mode: sleepMode, start_address: `0x${vectors.start.toString(16)}` }
    }),
  }),
  commands: [
    command(0x1, 'PROTOCOL_ATTRIBUTES', [], [u32('attributes')], answerCount),
    command(0x3, 'CPU_ATTRIBUTES', CPU_ID, [u32('attributes'), text('name')], cpuAttributes),
    command(0x4, 'CPU_START', CPU_ID, [], cpuStart),
    command(0x5, 'CPU_STOP', CPU_ID, [], cpuStop),
    command(0x6, 'CPU_RESET_VECTOR_SET', [...CPU_ID, u32('flags'), u64('reset_vector')], [], cpuResetVectorSet),
    command(0x7, 'CPU_SLEEP_MODE_SET', [...CPU_ID, u32('flags'), u32('sleep_mode')], [], cpuSleepModeSet),
    command(0x8, 'CPU_IRQ_WAKE_SET', [...CPU_ID, ...MASKS], [], cpuIrqWakeSet),
    command(0x9, 'CPU_NON_IRQ_WAKE_SET', [...CPU_ID, ...MASKS], [], cpuNonIrqWakeSet),
    command(0xa, 'CPU_PD_LPM_CONFIG_SET', [...CPU_ID, ...configs(DOMAIN_CONFIG)], [], cpuPdLpmConfigSet),
    command(0xb, 'CPU_PER_LPM_CONFIG_SET', [...CPU_ID, ...configs(INTERFACE_CONFIG)], [], cpuPerLpmConfigSet),
    command(0xc, 'CPU_INFO_GET', CPU_ID, [u32('run_mode'), u32('sleep_mode'), u64('reset_vector')], cpuInfoGet),
  ],
})
