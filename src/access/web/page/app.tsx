/** The page: its parts, and the state of the connection. */
import { Agents } from './agents.js'
import { Charts } from './charts.js'
import { link } from './connection.js'
import { Faults } from './faults.js'
import { Messages } from './messages.js'
import { Notify, Power } from './notify.js'
import { Resources } from './resources.js'
import { hello } from './state.js'

export function App() {
  return (
    <>
      <header class="top">
        <h1>
          vhost-user-scmi <span class="hint">{identity()}</span>
        </h1>
        <Link />
      </header>
      {hello.value && (
        <main class={link.value.is === 'open' ? '' : 'stale'}>
          <Charts />
          <Resources />
          <Messages />
          <div class="side">
            <Agents />
            <Faults />
            <Notify />
            <Power />
          </div>
        </main>
      )}
    </>
  )
}

function identity(): string {
  const { vendor, sub_vendor, description } = hello.value?.description ?? {}
  return [[vendor, sub_vendor].filter(Boolean).join(' '), description].filter(Boolean).join(', ')
}

function Link() {
  const { is } = link.value
  return (
    <p class={`link ${is}`} role="status">
      {text()}
    </p>
  )
}

function text(): string {
  switch (link.value.is) {
    case 'connecting':
      return 'Connecting…'
    case 'open':
      return 'Live'
    case 'silent':
      return 'Disconnected? Nothing came from the device for some seconds.'
    case 'lost':
      return `Disconnected. ${link.value.why} Trying again…`
    case 'over':
      return 'Disconnected. The device was restarted: open the link that it printed.'
  }
}
