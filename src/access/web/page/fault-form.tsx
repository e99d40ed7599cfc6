/** The form for a fault rule: which messages, what happens to them, how often. */
import { useState } from 'preact/hooks'
import { STATUS_NAMES } from '../../../wire/status.js'
import { ActionForm, Labelled } from './action-form.js'
import { ACTIONS, type ActionName, type FaultTexts, ruleOf } from './fault-rule.js'
import { Select } from './select.js'
import { hasAgents, hello, request } from './state.js'
import { TextField } from './text-field.js'

const NEW: FaultTexts = {
  on: 'response',
  agent: '',
  protocol: '',
  message: '',
  where: '',
  action: 'drop',
  argument: '',
  skip: '',
  times: '1',
  probability: '',
}

type Change = (part: Partial<FaultTexts>) => void

export function FaultForm() {
  const [texts, setTexts] = useState(NEW)
  const change: Change = part => setTexts({ ...texts, ...part })
  const work = async () => {
    await request('addFault', { rule: ruleOf(texts) })
    return 'Added.'
  }
  return (
    <ActionForm verb="Add fault" work={work}>
      <Which texts={texts} change={change} />
      <Does texts={texts} change={change} />
      <TextField label="Times" placeholder="all" value={texts.times} onInput={times => change({ times })} />
      <TextField
        label="After"
        placeholder="0"
        title="Matching messages to let through first"
        value={texts.skip}
        onInput={skip => change({ skip })}
      />
      <TextField
        label="Probability"
        placeholder="1"
        value={texts.probability}
        onInput={probability => change({ probability })}
      />
    </ActionForm>
  )
}

interface PartProps {
  texts: FaultTexts
  change: Change
}

function Which({ texts, change }: PartProps) {
  const { agents, protocols } = hello.value?.description ?? { agents: [], protocols: [] }
  const protocol = protocols.find(({ name }) => name === texts.protocol)
  const messages = texts.on === 'notification' ? protocol?.notifications.map(({ name }) => name) : protocol?.commands
  return (
    <>
      <Labelled label="Message">
        <Select
          label="Kind of message"
          value={texts.on}
          options={['response', 'delayed', 'notification']}
          onChange={on => change({ on, message: '' })}
        />
      </Labelled>
      {hasAgents() && (
        <Labelled label="Agent">
          <Select
            label="Agent"
            any="any"
            value={texts.agent}
            options={agents.map(({ name }) => name)}
            onChange={agent => change({ agent })}
          />
        </Labelled>
      )}
      <Labelled label="Protocol">
        <Select
          label="Protocol"
          any="any"
          value={texts.protocol}
          options={protocols.map(({ name }) => name)}
          onChange={protocol => change({ protocol, message: '' })}
        />
      </Labelled>
      <Labelled label="Name">
        <Select
          label="Name"
          any="any"
          value={texts.message}
          options={messages ?? []}
          onChange={message => change({ message })}
        />
      </Labelled>
      <TextField
        label="Fields"
        placeholder="clock_id=2"
        title="Values that fields must have"
        value={texts.where}
        onInput={where => change({ where })}
      />
    </>
  )
}

function Does({ texts, change }: PartProps) {
  const action = ACTIONS[texts.action]
  const label = 'argument' in action ? action.argument : undefined
  return (
    <>
      <Labelled label="Does">
        <select
          aria-label="Does"
          value={texts.action}
          onChange={event => change({ action: event.currentTarget.value as ActionName, argument: '' })}
        >
          {Object.entries(ACTIONS).map(([name, { label }]) => (
            <option key={name} value={name}>
              {label}
            </option>
          ))}
        </select>
      </Labelled>
      {label === 'Status' && (
        <Labelled label={label}>
          <Select
            label={label}
            any="choose"
            value={texts.argument}
            options={STATUS_NAMES}
            onChange={argument => change({ argument })}
          />
        </Labelled>
      )}
      {label !== undefined && label !== 'Status' && (
        <TextField
          label={label}
          placeholder={label === 'Time' ? '50 ms' : ''}
          value={texts.argument}
          onInput={argument => change({ argument })}
        />
      )}
    </>
  )
}
