/** A line of text with its label above. */
import { Labelled } from './action-form.js'

interface Props {
  label: string
  value: string
  placeholder?: string
  title?: string
  onInput(value: string): void
}

export function TextField({ label, value, placeholder, title, onInput }: Props) {
  return (
    <Labelled label={label}>
      <input
        value={value}
        placeholder={placeholder}
        title={title}
        spellcheck={false}
        autocomplete="off"
        onInput={event => onInput(event.currentTarget.value)}
      />
    </Labelled>
  )
}
