/** A drop-down list with an accessible label. */
interface Props<Value extends string> {
  label: string
  value: Value | undefined
  options: readonly Value[]
  /** Label for "all"; absent: one must be chosen. */
  any?: string
  /** Empty: none. */
  onChange(value: Value | ''): void
}

export function Select<Value extends string>({ label, value, options, any, onChange }: Props<Value>) {
  return (
    <select
      aria-label={label}
      value={value ?? ''}
      onChange={event => onChange(event.currentTarget.value as Value | '')}
    >
      {any !== undefined && <option value="">{any}</option>}
      {options.map(option => (
        <option key={option} value={option}>
          {option}
        </option>
      ))}
    </select>
  )
}
