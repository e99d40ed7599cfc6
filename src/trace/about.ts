/** The origin of a trace: the platform as it was, so that the trace can be replayed anywhere, and its agents. */
import { createRequire } from 'node:module'
import type { PlatformOrigin } from '../loading/load.js'
import type { Values } from '../wire/fields.js'
import type { Annotated } from './annotations.js'

export interface About {
  /** Version of this package. */
  version: string
  origin: PlatformOrigin
  /** Names of the agents, in the order of their devices. */
  agents: readonly string[]
  /** Start of the platform by CLOCK_MONOTONIC, which the values of its sensors depend on. */
  startedUs: number
}

const { version } = createRequire(import.meta.url)('#root/package.json') as { version: string }

export function about(origin: PlatformOrigin, agents: readonly string[], startedUs: number): About {
  return { version, origin, agents, startedUs }
}

/** As annotations, which people also read. */
export function annotationsOf({ version, origin, agents, startedUs }: About): Record<string, Annotated> {
  return {
    program: 'vhost-user-scmi',
    version,
    platform: origin.name,
    agents: agents.join(', '),
    plugins: (origin.plugins ?? []).map(({ name, folder }) => ({ name, folder })),
    folder: origin.folder,
    started_us: String(startedUs),
    platform_file: origin.text,
  }
}

/** The inverse; undefined if another program wrote the annotations. */
export function aboutFrom(annotations: Values): About | undefined {
  const text = (name: string): string => String(annotations[name] ?? '')
  if (text('program') !== 'vhost-user-scmi') return undefined
  const plugins = Array.isArray(annotations.plugins) ? annotations.plugins : []
  return {
    version: text('version'),
    origin: {
      name: text('platform'),
      folder: text('folder'),
      text: text('platform_file'),
      plugins: plugins.map(({ name, folder }) => ({ name: String(name), folder: String(folder) })),
    },
    agents: text('agents').split(', '),
    startedUs: Number(text('started_us')),
  }
}
