/** The active fault rules, and a form for another. */
import type { FaultEntry } from '../../operations/shapes.js'
import { FaultForm } from './fault-form.js'
import { ruleText } from './fault-rule.js'
import { faults, request } from './state.js'
import { useAction } from './use-action.js'

export function Faults() {
  const rules = faults.value
  return (
    <section class="panel faults" aria-labelledby="faults-title">
      <header>
        <h2 id="faults-title">Faults</h2>
        <span class="count">{rules.length || ''}</span>
      </header>
      {rules.length > 0 && (
        <ul class="rules" aria-label="Fault rules">
          {rules.map(fault => (
            <Rule key={fault.id} fault={fault} />
          ))}
        </ul>
      )}
      <FaultForm />
    </section>
  )
}

function Rule({ fault: { id, rule, hits, held, active } }: { fault: FaultEntry }) {
  const { isBusy, error, run } = useAction()
  const act = (op: 'releaseFault' | 'removeFault') =>
    run(async () => {
      await request(op, { id })
      return undefined
    })
  return (
    <li class={active ? '' : 'spent'}>
      <span class="rule">
        <b>{id}</b> {ruleText(rule)}
      </span>
      <span class="hint">
        {hits} {hits === 1 ? 'hit' : 'hits'}
        {held > 0 && `, holds ${held}`}
        {!active && ', spent'}
      </span>
      {held > 0 && (
        <button
          type="button"
          disabled={isBusy}
          aria-label={`Release what rule ${id} holds`}
          onClick={() => act('releaseFault')}
        >
          Release
        </button>
      )}
      <button type="button" disabled={isBusy} aria-label={`Remove rule ${id}`} onClick={() => act('removeFault')}>
        Remove
      </button>
      {error !== undefined && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
    </li>
  )
}
