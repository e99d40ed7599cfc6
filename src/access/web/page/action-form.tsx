/** A form for an action of the device, with its button and result. */
import type { ComponentChildren } from 'preact'
import { useAction } from './use-action.js'

interface Props {
  /** Label of the button. */
  verb: string
  /** Carries out the action and returns the result as text. */
  work(): Promise<string | undefined>
  children: ComponentChildren
}

export function ActionForm({ verb, work, children }: Props) {
  const { isBusy, error, done, run } = useAction()
  return (
    <form
      class="action"
      onSubmit={event => {
        event.preventDefault()
        void run(work)
      }}
    >
      {children}
      <button type="submit" disabled={isBusy}>
        {verb}
      </button>
      <p class={error === undefined ? 'outcome' : 'outcome error'} role={error === undefined ? 'status' : 'alert'}>
        {error ?? done}
      </p>
    </form>
  )
}

/** A control with its label above. */
export function Labelled({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is among the children
    <label class="labelled">
      <span>{label}</span>
      {children}
    </label>
  )
}
