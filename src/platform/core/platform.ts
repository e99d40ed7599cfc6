/** The platform: its identity and the models of its resources, built from a checked configuration. Knows no bytes. */
import type { z } from 'zod'
import { own } from '../../support/own.js'
import { ConfigError } from './config-error.js'
import type { PlatformConfig } from './platform-config.js'
import type { ResourceGroup } from './property.js'
import { RealTime, type Time } from './time.js'

export class Platform {
  readonly config: PlatformConfig
  readonly time: Time
  readonly #models = new Map<string, unknown>()
  /** Reports a bug of a plug-in; the server sets it. */
  tellBug: (problem: string) => void = () => {}
  /** Logs what an operator should know; the server sets it. */
  tell: (text: string) => void = () => {}
  readonly #told = new Set<string>()
  readonly #closers: (() => void)[] = []

  /** Builds the model of each kind that has a section in the configuration. */
  constructor(config: PlatformConfig, kinds: readonly ResourceKind[], time: Time = new RealTime()) {
    this.config = config
    this.time = time
    for (const kind of kinds) {
      const section = own(config.sections, kind.section)
      if (section !== undefined)
        this.#models.set(
          kind.section,
          inSection(kind, () => kind.create(section, this)),
        )
    }
    for (const step of ['link', 'observe'] as const) {
      for (const kind of kinds) {
        const model = this.#models.get(kind.section)
        if (model !== undefined) inSection(kind, () => kind[step]?.(model, this, config.sections[kind.section]))
      }
    }
  }

  has(kind: ResourceKind): boolean {
    return this.#models.has(kind.section)
  }

  /** The model of a kind. Throws if the platform file lacks its section; call `has` first if it may. */
  model<Config, Model>(kind: ResourceKind<Config, Model>): Model {
    const model = this.#models.get(kind.section)
    if (model === undefined) throw new Error(`the platform has no ${kind.section}`)
    return model as Model
  }

  /** Logs a text, and does nothing if it was logged before. Callers have few texts. */
  tellOnce(text: string): void {
    if (this.#told.has(text)) return
    this.#told.add(text)
    this.tell(text)
  }

  /** Registers a function that stops a model's timers when the platform closes. */
  onClose(close: () => void): void {
    this.#closers.push(close)
  }

  /** Stops all timers of the platform. Its owner calls this once no agent uses it. */
  close(): void {
    for (const close of this.#closers.splice(0)) close()
  }

  /** The version that the platform file sets for a protocol, if any. */
  versionOf(protocolName: string): number | undefined {
    return this.config.protocols[protocolName]?.version
  }
}

/** Runs a step of a kind. Its errors have paths within the section; rethrows them with paths from the top. */
function inSection<T>(kind: ResourceKind, step: () => T): T {
  try {
    return step()
  } catch (error) {
    throw error instanceof ConfigError ? error.within(kind.section) : error
  }
}

export interface ResourceKind<Config = unknown, Model = unknown> {
  /** Key in the platform file, such as `clocks`. */
  section: string
  schema: z.ZodType<Config>
  /**
   * Builds the model. References to other resources are resolved later, in `link`, when all models exist. Throws
   * ConfigError for what a schema can't check.
   */
  create(config: Config, platform: Platform): Model
  /** Keys of the lists of entries within the section; default: the section itself is the list. */
  lists?: readonly string[]
  /** Names that agents and devices can list; default: the names of all entries. */
  names?(config: Config): string[]
  /** Resolves references to other resources by name; called once all models exist. */
  link?(model: Model, platform: Platform, config: Config): void
  /** Like `link`, for models that only read others; called once all are linked. */
  observe?(model: Model, platform: Platform, config: Config): void
  /** The properties that the host sees and can change; default: none. */
  properties?(model: Model, platform: Platform): ResourceGroup[]
}
