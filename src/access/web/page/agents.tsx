/** The agents: their connections and load. */
import type { AgentStats } from '../../operations/shapes.js'
import { interval } from './history.js'
import { tookText } from './message-text.js'
import { agents, connected } from './state.js'

export function Agents() {
  return (
    <section class="panel agents" aria-labelledby="agents-title">
      <header>
        <h2 id="agents-title">Agents</h2>
      </header>
      <table>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col" class="number">
              Msg/s
            </th>
            <th scope="col" class="number">
              p50
            </th>
            <th scope="col" class="number">
              p99
            </th>
            <th scope="col" class="number">
              Failed
            </th>
            <th scope="col" class="number" title="Notifications and delayed responses per second, waiting and dropped">
              Events
            </th>
          </tr>
        </thead>
        <tbody>
          {agents.value.map(stats => (
            <Agent key={stats.agent} stats={stats} isConnected={connected.value.includes(stats.agent)} />
          ))}
        </tbody>
      </table>
    </section>
  )
}

function Agent({ stats, isConnected }: { stats: AgentStats; isConnected: boolean }) {
  const { agent, protocols, notifications_waiting: waiting, notifications_dropped: dropped } = stats
  const now = interval.value?.agents.get(agent)
  const failed = protocols.reduce((sum, protocol) => sum + protocol.failed, stats.unknown_protocol)
  return (
    <tr>
      <th scope="row">
        <span
          class={isConnected ? 'dot on' : 'dot'}
          role="img"
          aria-label={isConnected ? 'connected' : 'not connected'}
          title={isConnected ? 'connected' : 'not connected'}
        />
        {agent}
      </th>
      <td class="number">{whole(now?.rate ?? 0)}</td>
      <td class="number">{micros(now?.latenciesUs.p50 ?? null)}</td>
      <td class="number">{micros(now?.latenciesUs.p99 ?? null)}</td>
      <td class="number">{whole(failed)}</td>
      <td class="number">
        {whole(now?.eventRate ?? 0)}
        {waiting > 0 && ` (${waiting} wait)`}
        {dropped > 0 && ` (${dropped} dropped)`}
      </td>
    </tr>
  )
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}

function micros(us: number | null): string {
  return us === null ? '–' : tookText(us)
}
