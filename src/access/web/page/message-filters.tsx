/** The filter of the message list. The device applies it, so that rare messages are not lost among many. */
import { STATUS_NAMES } from '../../../wire/status.js'
import type { MessageFilter, ProtocolEntry } from '../../operations/shapes.js'
import { Select } from './select.js'
import { filter, hasAgents, hello, paused, showMessages } from './state.js'

const KINDS = ['command', 'delayed response', 'notification', 'fast channel']
/** Entry in the list of statuses: all but SUCCESS. */
const FAILED = 'failed'

export function MessageFilters() {
  const { agents, protocols } = hello.value?.description ?? { agents: [], protocols: [] }
  const {
    agents: [agent] = [],
    protocols: [protocol] = [],
    messages: [message] = [],
    kinds: [kind] = [],
  } = filter.value
  const { statuses: [status] = [], failed } = filter.value
  const change = (part: MessageFilter) => showMessages({ ...filter.value, ...part }, paused.value)
  const only = (name: string) => (name === '' ? [] : [name])
  const names = protocols.filter(({ name }) => !protocol || name === protocol).flatMap(namesOf)
  return (
    <>
      {hasAgents() && (
        <Select
          label="Agent"
          any="agent"
          value={agent}
          options={agents.map(({ name }) => name)}
          onChange={name => change({ agents: only(name) })}
        />
      )}
      <Select
        label="Protocol"
        any="protocol"
        value={protocol}
        options={protocols.map(({ name }) => name)}
        onChange={name => change({ protocols: only(name), messages: [] })}
      />
      <Select
        label="Message"
        any="message"
        value={message}
        options={[...new Set(names)]}
        onChange={name => change({ messages: only(name) })}
      />
      <Select label="Kind" any="kind" value={kind} options={KINDS} onChange={name => change({ kinds: only(name) })} />
      <Select
        label="Status"
        any="status"
        value={failed ? FAILED : status}
        options={[FAILED, ...STATUS_NAMES]}
        onChange={name => change({ failed: name === FAILED, statuses: name === FAILED ? [] : only(name) })}
      />
    </>
  )
}

function namesOf({ commands, notifications }: ProtocolEntry): string[] {
  return [...commands, ...notifications.map(({ name }) => name)]
}
