/** Something the user can have done: what came of it stands beside the control that asked for it. */
import { useState } from 'preact/hooks'

export interface Action {
  isBusy: boolean
  /** What is wrong; undefined: nothing. */
  error: string | undefined
  /** What came of it. */
  done: string | undefined
  /** Runs `work`, which says what came of it. */
  run(work: () => Promise<string | undefined>): Promise<void>
}

export function useAction(): Action {
  const [state, setState] = useState<Pick<Action, 'isBusy' | 'error' | 'done'>>(IDLE)
  const run = async (work: () => Promise<string | undefined>): Promise<void> => {
    setState({ ...IDLE, isBusy: true })
    try {
      setState({ ...IDLE, done: await work() })
    } catch (error) {
      setState({ ...IDLE, error: (error as Error).message })
    }
  }
  return { ...state, run }
}

const IDLE = { isBusy: false, error: undefined, done: undefined }
