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
            {hasChannels() && (
              <th scope="col" class="number" title="Writes to fast channels: those acted on, and those refused">
                Channels
              </th>
            )}
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
      {hasChannels() && <td class="number">{writesText(stats)}</td>}
      <td class="number">
        {whole(now?.eventRate ?? 0)}
        {waiting > 0 && ` (${waiting} wait)`}
        {dropped > 0 && ` (${dropped} dropped)`}
      </td>
    </tr>
  )
}

/** Somebody uses fast channels. */
const hasChannels = (): boolean => agents.value.some(stats => sum(writesOf(stats)) > 0)

/** Writes to fast channels, by status. */
const writesOf = ({ protocols }: AgentStats): [status: string, count: number][] =>
  protocols.flatMap(({ messages }) => messages.flatMap(({ channel }) => Object.entries(channel)))

const sum = (counts: readonly [string, number][]): number => counts.reduce((total, [, count]) => total + count, 0)

function writesText(stats: AgentStats): string {
  const writes = writesOf(stats)
  const refused = sum(writes.filter(([status]) => status !== 'SUCCESS'))
  const done = whole(sum(writes) - refused)
  return refused > 0 ? `${done} (${whole(refused)} refused)` : done
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}

function micros(us: number | null): string {
  return us === null ? '–' : tookText(us)
}
