import { ConfigError } from '../../src/platform/core/config-error.js'

/** The message of the ConfigError that `run` throws. */
export function errorOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return 'no error'
}
