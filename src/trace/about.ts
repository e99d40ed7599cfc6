/** What a trace says of its origin: the platform as it was, so that the trace can be replayed anywhere, and who took part. */
import { createRequire } from 'node:module'
import type { PlatformOrigin } from '../loading/load.js'
import type { Values } from '../wire/fields.js'
import type { Annotated } from './annotations.js'

export interface About {
  /** Of this package. */
  version: string
  origin: PlatformOrigin
  /** Names of the agents, in the order of their devices. */
  agents: readonly string[]
  /** When the platform began, by CLOCK_MONOTONIC: what its sensors' values are functions of. */
  startedUs: number
}

const { version } = createRequire(import.meta.url)('#root/package.json') as { version: string }

export function about(origin: PlatformOrigin, agents: readonly string[], startedUs: number): About {
  return { version, origin, agents, startedUs }
}

/** As annotations, which people read too. */
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

/** The way back; undefined if the annotations are of another program. */
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
