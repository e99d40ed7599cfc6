/** The library: serve a platform from your own program, and declare protocols of your own (plug-ins). */
export { z } from 'zod'
export { type Client, ClientBase, createClient, StatusError } from './client/client.js'
export { connectClient, createLocalClient, type StandardClient } from './client/index.js'
export { VhostUserChannel } from './client/vhost-user-channel.js'
export type { Device } from './device/device.js'
export type { Endpoint } from './device/endpoint.js'
export type { Stats } from './device/stats.js'
export type { Fault, FaultHit, FaultState, Faults } from './faults/faults.js'
export { type EventMessage, eventMessage, type FaultRule, faultRule } from './faults/rules/rule.js'
export {
  definePlatform,
  type LoadedPlatform,
  type LoadOptions,
  loadPlatform,
  type PlatformDefinition,
} from './loading/load.js'
export type { Plugin } from './loading/plugins.js'
export { ConfigError } from './platform/core/config-error.js'
export type { ResourceKind } from './platform/core/platform.js'
export { Platform } from './platform/core/platform.js'
export {
  flagProperty,
  numberProperty,
  onEvents,
  type Property,
  type ResourceGroup,
  textProperty,
} from './platform/core/property.js'
export { RealTime, type Time, type Timer, VirtualTime } from './platform/core/time.js'
export { HERTZ, SECONDS, type Unit, VOLTS, WATTS } from './platform/core/unit-text.js'
export { duration, frequency, power, resourceName, voltage } from './platform/core/units.js'
export type { Agent } from './protocols/declaration/agent.js'
export { command, commandsOn, defineProtocol, event } from './protocols/declaration/define-protocol.js'
export type { AgentProtocol, AgentState, Protocol } from './protocols/declaration/protocol.js'
export { ResourceView } from './protocols/declaration/view.js'
export { protocols } from './protocols/index.js'
export { type ServeOptions, serve } from './server/serve.js'
export type { Server } from './server/server.js'
export { OperatorError, RequestError } from './support/errors.js'
export { createLogger, type Logger, type LogLevel } from './support/log.js'
export { type Field, list, optional, rest, s32, s64, text, u8, u16, u32, u64 } from './wire/fields.js'
export type { MessageWriter, RequestReader } from './wire/message.js'
export * from './wire/status.js'
