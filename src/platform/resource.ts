/**
 * A kind of resource: one section of the platform file, its schema, and the model built from it. The constant that
 * describes the kind is also the key under which the platform keeps the model, so look-ups are typed.
 */
import type { z } from 'zod'
import type { Platform } from './platform.js'

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
  /** Connects this model with others; called once all models exist. */
  link?(model: Model, platform: Platform): void
}
