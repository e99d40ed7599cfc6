/** All resources and properties, live: a tree with a filter, and controls for what can be set. */
import { signal } from '@preact/signals'
import { useState } from 'preact/hooks'
import type { PropertyEntry, ResourceEntry } from '../../operations/shapes.js'
import { plotted, setPlotted } from './history.js'
import { Setter } from './setter.js'
import { hello, values, valuesTick } from './state.js'
import { toggled } from './toggled.js'
import { type TableRow, VirtualTable } from './virtual-table.js'

/** A changed value is highlighted this long. */
const FRESH_MS = 800
const CHANGING_MS = 10_000

/** A resource with its main property, if any, or one of its properties. */
interface Row extends TableRow {
  resource: ResourceEntry
  property: PropertyEntry | undefined
}

const search = signal('')
const changingOnly = signal(false)
const expanded = signal<ReadonlySet<string>>(new Set())

const COLUMNS = [
  { title: 'Name' },
  { title: 'Value', width: '8.4rem', className: 'number' },
  { title: 'Set', width: '8.8rem' },
  { title: 'Plot', width: '2.9rem', className: 'centre' },
]

export function Resources() {
  valuesTick.value
  const all = hello.value?.description.resources ?? []
  const shown = all.filter(isWanted)
  return (
    <section class="panel resources" aria-labelledby="resources-title">
      <header>
        <h2 id="resources-title">Resources</h2>
        <span class="count">{shown.length === all.length ? all.length : `${shown.length} of ${all.length}`}</span>
        <input
          type="search"
          placeholder="Filter, e.g. clock uart"
          aria-label="Filter resources"
          value={search.value}
          onInput={event => (search.value = event.currentTarget.value)}
        />
        <label>
          <input
            type="checkbox"
            checked={changingOnly.value}
            onChange={event => (changingOnly.value = event.currentTarget.checked)}
          />
          changing
        </label>
      </header>
      <VirtualTable
        label="Resources"
        columns={COLUMNS}
        rows={shown.flatMap(rowsOf)}
        toggle={({ key }) => (expanded.value = toggled(expanded.value, key))}
        cells={row => <Cells row={row} />}
        empty={changingOnly.value ? 'Nothing has changed in the last 10 s.' : 'Nothing matches the filter.'}
      />
    </section>
  )
}

/** Whether each word of the filter occurs in the address or in a property's name. */
function isWanted({ address, properties }: ResourceEntry): boolean {
  const text = `${address} ${properties.map(property => property.name).join(' ')}`.toLowerCase()
  if (
    !search.value
      .toLowerCase()
      .split(/\s+/)
      .every(word => text.includes(word))
  )
    return false
  return !changingOnly.value || properties.some(property => hasChanged(property, CHANGING_MS))
}

function hasChanged({ address }: PropertyEntry, withinMs: number): boolean {
  const changedMs = values.get(address)?.changedMs
  return changedMs !== undefined && performance.now() - changedMs < withinMs
}

function rowsOf(resource: ResourceEntry): Row[] {
  const { address: key, properties, main } = resource
  const isOpen = expanded.value.has(key)
  const property = properties.find(({ name }) => name === main)
  const head = { key, level: 1, expanded: isOpen, resource, property, hasControl: property?.settable === true }
  if (!isOpen) return [head]
  const inner = properties.map(property => {
    const { address: key, settable: hasControl } = property
    return { key, level: 2, className: 'inner', resource, property, hasControl }
  })
  return [head, ...inner]
}

function Cells({ row }: { row: Row }) {
  const { resource, property } = row
  return (
    <>
      {row.level === 1 ? (
        <td class="name" title={resource.address}>
          <span class="kind">{resource.kind}</span>
          {resource.name}
        </td>
      ) : (
        <td class="name" title={property?.description}>
          {property?.name} <span class="hint">{property?.description}</span>
        </td>
      )}
      {property ? <PropertyCells key={property.address} property={property} /> : <td colSpan={3} />}
    </>
  )
}

function PropertyCells({ property }: { property: PropertyEntry }) {
  valuesTick.value
  const [error, setError] = useState<string>()
  const { address, type } = property
  return (
    <>
      <td class={hasChanged(property, FRESH_MS) ? 'number fresh' : 'number'}>{values.get(address)?.shown}</td>
      <td class="set" onFocusOut={() => setError(undefined)}>
        <Setter property={property} onError={setError} />
        {error !== undefined && (
          <p role="alert" class="bubble">
            {error}
          </p>
        )}
      </td>
      <td class="centre">
        {type === 'number' && (
          <input
            type="checkbox"
            tabIndex={-1}
            aria-label={`Plot ${address}`}
            checked={plotted.value.has(address)}
            onChange={event => setPlotted(address, event.currentTarget.checked)}
          />
        )}
      </td>
    </>
  )
}
