/** Sends notifications as the platform, and requests system power transitions. */
import { useState } from 'preact/hooks'
import type { Data, Struct } from '../../operations/shapes.js'
import type { Answer } from '../wire.js'
import { ActionForm, Labelled } from './action-form.js'
import { Select } from './select.js'
import { hasAgents, hello, request } from './state.js'
import { TextField } from './text-field.js'

export function Notify() {
  const { agents, protocols } = hello.value?.description ?? { agents: [], protocols: [] }
  const able = protocols.filter(({ notifications }) => notifications.length > 0)
  const [agent, setAgent] = useState('')
  const [protocolName, setProtocol] = useState<string>()
  const [messageName, setMessage] = useState<string>()
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>({})
  const protocol = able.find(({ name }) => name === protocolName) ?? able[0]
  const message = protocol?.notifications.find(({ name }) => name === messageName) ?? protocol?.notifications[0]
  if (!protocol || !message) return null

  const work = async () => {
    const fields = fieldsOf(message.fields, texts)
    const addressee = agent ? { agent } : {}
    return told(await request('notify', { protocol: protocol.name, message: message.name, fields, ...addressee }))
  }
  return (
    <details class="panel" open>
      <summary>
        <h2>Send a notification</h2>
      </summary>
      <ActionForm verb="Send" work={work}>
        <Labelled label="Protocol">
          <Select
            label="Protocol"
            value={protocol.name}
            options={able.map(({ name }) => name)}
            onChange={name => setProtocol(name)}
          />
        </Labelled>
        <Labelled label="Notification">
          <Select
            label="Notification"
            value={message.name}
            options={protocol.notifications.map(({ name }) => name)}
            onChange={name => setMessage(name)}
          />
        </Labelled>
        {hasAgents() && (
          <Labelled label="To">
            <Select
              label="To"
              any="all agents"
              value={agent}
              options={agents.map(({ name }) => name)}
              onChange={name => setAgent(name)}
            />
          </Labelled>
        )}
        {message.fields.map(field => (
          <TextField
            key={field}
            label={field}
            placeholder="0"
            value={texts[field] ?? ''}
            onInput={text => setTexts({ ...texts, [field]: text })}
          />
        ))}
      </ActionForm>
    </details>
  )
}

/** Numbers in JavaScript notation, lists as JSON; empty fields are 0. */
function fieldsOf(names: readonly string[], texts: Readonly<Record<string, string>>): Struct {
  return Object.fromEntries(names.map(name => [name, fieldValue(texts[name] ?? '')]))
}

function fieldValue(text: string): Data {
  if (text.startsWith('[')) return JSON.parse(text) as Data
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : text
}

/** The agents that got something. */
export function told({ notified = [] }: Answer): string {
  return notified.length > 0 ? `Sent to ${notified.join(', ')}.` : 'Done; no agent has enabled the notification.'
}

const STATES = ['shutdown', 'cold_reset', 'warm_reset', 'power_up', 'suspend']

export function Power() {
  const [state, setState] = useState('shutdown')
  const [isForced, setForced] = useState(false)
  if (!hello.value?.description.resources.some(({ kind }) => kind === 'system')) return null
  return (
    <details class="panel">
      <summary>
        <h2>System power</h2>
      </summary>
      <ActionForm verb="Request" work={async () => told(await request('requestPower', { state, forced: isForced }))}>
        <Labelled label="State">
          <Select label="State" value={state} options={STATES} onChange={setState} />
        </Labelled>
        <label>
          <input type="checkbox" checked={isForced} onChange={event => setForced(event.currentTarget.checked)} />
          forced, not graceful
        </label>
      </ActionForm>
    </details>
  )
}
