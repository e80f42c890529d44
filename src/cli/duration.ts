/** Durations as people read them. */

const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000]
]

/** `ms` in its two largest units: `3h 5m`, `12s`, `250ms`. Negative: with a minus. */
export function duration(ms: number): string {
  if (ms < 0) return `-${duration(-ms)}`
  if (ms < 1000) return `${Math.round(ms)}ms`
  const at = UNITS.findIndex(([, size]) => ms >= size)
  const [unit, size] = UNITS[at] ?? ['s', 1000]
  const next = UNITS[at + 1]
  const whole = Math.floor(ms / size)
  const rest = next ? Math.floor((ms - whole * size) / next[1]) : 0
  return next && rest > 0 ? `${whole}${unit} ${rest}${next[0]}` : `${whole}${unit}`
}
