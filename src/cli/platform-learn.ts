/** The actions of `vhost-user-scmi platform learn` and `platform record`. */
import { resolve } from 'node:path'
import { learn as learnBoard } from '../learn/learn.js'
import { readTraces } from '../learn/read.js'
import { RECORD_SCRIPT } from '../learn/record-script.js'
import { printable, printableJson } from '../support/printable.js'
import { type Progress, silentProgress, startProgress } from '../support/progress.js'
import { sectionCounts } from './platform-actions.js'

export interface LearnOptions {
  plugin: string[]
  instance?: string
  agent?: string
  json?: boolean
}

/** Nothing is shown of work that is done before. */
const SHOW_AFTER_MS = 2000

export async function learn(files: string[], { plugin, instance, agent, json }: LearnOptions): Promise<void> {
  const progress = laterProgress('learn')
  try {
    const heard = readTraces(files, { ...(instance ? { instance } : {}), ...(agent ? { agent } : {}), progress })
    // Files of traces are named relative to the folder of their platform file.
    const ofTraces = heard.plugins.map(({ name, folder }) => (/[./]/.test(name) ? resolve(folder, name) : name))
    const plugins = [...new Set([...plugin, ...ofTraces])]
    const { text, platform, messages, differing, recorded, remarks } = await learnBoard(heard, {
      plugins,
      names: files,
      progress,
    })
    progress.stop()
    if (json) {
      const { resources } = sectionCounts(platform.platform)
      console.log(printableJson({ files, messages, resources, recorded, differing, remarks, text }, 2))
      return
    }
    process.stdout.write(text)
    for (const remark of remarks) console.error(printable(remark))
    const counts = sectionCounts(platform.platform).line
    const differ = differing > 0 ? `; ${differing} answers differ, see the end of the file` : ''
    console.error(printable(`learned from ${messages} messages: ${counts}${differ}`))
  } finally {
    progress.stop()
  }
}

function laterProgress(title: string): Progress {
  const began = Date.now()
  let shown: Progress = silentProgress
  return {
    ...silentProgress,
    update(...step) {
      if (shown === silentProgress && Date.now() - began > SHOW_AFTER_MS) shown = startProgress(title)
      shown.update(...step)
    },
    stop: () => shown.stop(),
  }
}

export function record(): void {
  process.stdout.write(RECORD_SCRIPT)
}
