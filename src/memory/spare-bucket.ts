/**
 * The bucket to which a key of a sliding window is held while it has no slot (sliding-table.ts): one number, for the
 * sketch, and never more than the window would admit.
 *
 * Its burst is half of the window's count c, b = ⌊c/2⌋, and the rest, r = c − b, is what it refills in a period. In a
 * window that has run for the share e such a bucket has admitted at most b + re, and together with the window before at
 * most b + r(1 + e). The window weighs the units before with 1 − e, so they come to most when all that may is in the
 * present: r(1 − e) + b + re = c. Where a request costs more than half of the count, two never fit into one window; then
 * they are as far apart as the window asks for, cost/r of a period, and at most the two periods after which all is
 * forgotten.
 */
import type { Window } from './sliding-table.ts'

const NS_PER_SECOND = 1_000_000_000n

/** Times in ns. */
export interface SpareBucket {
  /** That one unit takes to be refilled. */
  readonly unit: bigint
  /** That all of it takes. */
  readonly capacity: bigint
  /** Farthest ahead that a debt is kept: until it is paid off that far, what it is for is forgotten. */
  readonly most: bigint
  /** How long after the last debt is paid a unit may still count in a window. */
  readonly memory: bigint
  /** Units that may count in a window though the bucket is full, beside those that it is short of. */
  readonly behind: number
  /** The same, where those that it is short of are among them. */
  readonly least: number
}

export function spareBucketOf({ count, seconds, cost }: Window): SpareBucket {
  const period = BigInt(seconds) * NS_PER_SECOND
  const forgotten = 2n * period
  if (2 * cost > count) {
    const rest = BigInt(count - cost)
    const apart = rest === 0n ? forgotten : ceil(period * BigInt(cost), rest)
    const unit = ceil(apart < forgotten ? apart : forgotten, BigInt(cost))
    // The debt of one request is a period long already.
    const capacity = BigInt(cost) * unit
    return { unit, capacity, most: capacity + forgotten, memory: period, behind: 0, least: cost }
  }
  const burst = Math.floor(count / 2)
  const unit = ceil(period, BigInt(count - burst))
  const capacity = BigInt(burst) * unit
  return { unit, capacity, most: capacity + forgotten, memory: forgotten, behind: count - burst, least: 0 }
}

/** Until when a key owes that owed until `before`, after `units` more at `now`. */
export function dueAfter({ unit, most }: SpareBucket, before: bigint, units: number, now: bigint): bigint {
  const from = before > now ? before : now
  const due = from + BigInt(units) * unit
  return due > now + most ? (from > now + most ? from : now + most) : due
}

/** Units that may still count in the window of a key that owes until `due`: more than there are, if anything. */
export function unitsOf({ unit, behind, least }: SpareBucket, due: bigint, now: bigint): number {
  return Math.max(least, (due > now ? Number(ceil(due - now, unit)) : 0) + behind)
}

function ceil(value: bigint, by: bigint): bigint {
  return (value + by - 1n) / by
}
