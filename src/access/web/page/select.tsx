/** A choice out of a few, with its label for those who can't see what it is for. */
interface Props<Value extends string> {
  label: string
  value: Value | undefined
  options: readonly Value[]
  /** What stands for all of them; absent: one has to be chosen. */
  any?: string
  /** Empty: none of them. */
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
