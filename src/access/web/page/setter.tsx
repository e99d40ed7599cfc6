/** The control that sets one property, according to its type; shows the device's error beside it. */
import { useState } from 'preact/hooks'
import type { PropertyEntry } from '../../operations/shapes.js'
import { request, values, valuesTick } from './state.js'

interface Props {
  property: PropertyEntry
  /** The error; undefined: none. */
  onError(error: string | undefined): void
}

const FLAGS = ['yes', 'no']
const CHOICES_MAX = 64

export function Setter({ property, onError }: Props) {
  if (!property.settable) return null

  const apply = async (text: string): Promise<boolean> => {
    try {
      await request('set', { address: property.address, value: text })
      onError(undefined)
      return true
    } catch (error) {
      onError((error as Error).message)
      return false
    }
  }
  const choices = property.type === 'flag' ? FLAGS : property.values
  // A few values become a list to choose from; words and many values are typed.
  if (choices.length > 0 && choices.length <= CHOICES_MAX && property.word === '') {
    return <Choice {...{ property, apply }} choices={choices} />
  }
  return <Entry {...{ property, apply, onError }} />
}

interface ControlProps {
  property: PropertyEntry
  apply(text: string): Promise<boolean>
}

function Choice({ property, choices, apply }: ControlProps & { choices: readonly string[] }) {
  valuesTick.value
  const now = values.get(property.address)?.shown ?? ''
  const all = choices.includes(now) ? choices : [now, ...choices]
  return (
    <select
      class="control"
      tabIndex={-1}
      aria-label={`Set ${property.address}`}
      value={now}
      onChange={async event => {
        const select = event.currentTarget
        if (!(await apply(select.value))) select.value = now
      }}
    >
      {all.map(choice => (
        <option key={choice} value={choice}>
          {choice}
        </option>
      ))}
    </select>
  )
}

function Entry({ property, apply, onError }: ControlProps & Pick<Props, 'onError'>) {
  const [text, setText] = useState('')
  return (
    <form
      onSubmit={async event => {
        event.preventDefault()
        if (await apply(text)) setText('')
      }}
    >
      <input
        class="control"
        tabIndex={-1}
        aria-label={`Set ${property.address}`}
        placeholder={property.word ? `set, ${property.word}` : 'set'}
        title={property.allowed}
        spellcheck={false}
        autocomplete="off"
        value={text}
        onInput={event => {
          setText(event.currentTarget.value)
          onError(undefined)
        }}
      />
    </form>
  )
}
