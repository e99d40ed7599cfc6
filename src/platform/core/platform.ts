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
  /** Told of a bug of a plug-in; who serves the platform sets it. */
  tellBug: (problem: string) => void = () => {}
  readonly #closers: (() => void)[] = []

  /** Builds the models of all `kinds` that the configuration has a section for. */
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

  /** The model of a kind. Throws if the platform file has no such section: check `has` first where that may be. */
  model<Config, Model>(kind: ResourceKind<Config, Model>): Model {
    const model = this.#models.get(kind.section)
    if (model === undefined) throw new Error(`the platform has no ${kind.section}`)
    return model as Model
  }

  /** Lets a model end its timers with the platform. */
  onClose(close: () => void): void {
    this.#closers.push(close)
  }

  /** Ends what the platform does by itself. For its owner, when no agent uses it any more. */
  close(): void {
    for (const close of this.#closers.splice(0)) close()
  }

  /** The version that the platform file asks a protocol to announce, if it does. */
  versionOf(protocolName: string): number | undefined {
    return this.config.protocols[protocolName]?.version
  }
}

/** Runs a step of a kind, whose errors carry paths within its section, and gives them the path from the top. */
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
   * Builds the model. Names of other resources are looked up later, in `link`, when all models exist.
   * Throws ConfigError for what a schema can't say.
   */
  create(config: Config, platform: Platform): Model
  /** Names that agents and devices can list; default: those of the section's entries. */
  names?(config: Config): string[]
  /** Connects this model with others, by the names in its section; called once all models exist. */
  link?(model: Model, platform: Platform, config: Config): void
  /** The same for what looks at other models only; called once all are linked. */
  observe?(model: Model, platform: Platform, config: Config): void
  /** What the host sees of the resources and can change; default: nothing. */
  properties?(model: Model, platform: Platform): ResourceGroup[]
}
