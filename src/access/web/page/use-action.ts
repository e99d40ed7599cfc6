/** An action of the user, with its result for display beside the control. */
import { useState } from 'preact/hooks'

export interface Action {
  isBusy: boolean
  /** The error; undefined: none. */
  error: string | undefined
  /** The result. */
  done: string | undefined
  /** Runs `work`, which returns the result as text. */
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
