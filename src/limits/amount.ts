/** Amounts of limits in the units of the tables, and what those can't count. */
import { MAX_CONCURRENT, MAX_QUEUE } from '../memory/concurrency.ts'
import { newRate, type Rate } from '../memory/limit-table.ts'
import { MAX_QUOTA, type Quota } from '../memory/quota-table.ts'
import { MAX_WINDOW_COUNT, MAX_WINDOW_SECONDS, type Window } from '../memory/sliding-table.ts'
import type { AmountPlan } from '../plan/limit.ts'

/** An amount as a table counts it. */
export type Counted =
  | { readonly kind: 'rate'; readonly rate: Rate }
  | { readonly kind: 'sliding'; readonly window: Window }
  | { readonly kind: 'quota'; readonly quota: Quota }
  /** In bytes; the bucket is what the limit gives in a second. */
  | { readonly kind: 'bandwidth'; readonly rate: Rate }
  | { readonly kind: 'concurrent'; readonly max: number; readonly queue: number }

/** @param cost units of one request @throws RangeError for what `checkAmount` would name */
export function countedAs(amount: AmountPlan, cost: number): Counted {
  switch (amount.kind) {
    case 'rate':
      return { kind: 'rate', rate: newRate(amount.count, amount.period, amount.burst, cost) }
    case 'sliding':
      return { kind: 'sliding', window: { count: amount.count, seconds: amount.period / 1000, cost } }
    case 'quota':
      return { kind: 'quota', quota: { count: amount.count, per: amount.per, cost } }
    case 'bandwidth':
      return { kind: 'bandwidth', rate: newRate(amount.bytes, amount.period, aSecondOf(amount)) }
    case 'concurrent':
      return { kind: 'concurrent', max: amount.max, queue: amount.queue ?? 0 }
  }
}

/** Why an amount can't be counted, in words for the owner of the configuration; null when it can. */
export function checkAmount(amount: AmountPlan, cost = 1): string | null {
  if (amount.kind === 'concurrent') {
    if (!whole(amount.max) || amount.max > MAX_CONCURRENT) return `concurrent must be 1 to ${MAX_CONCURRENT}`
    const { queue = 0 } = amount
    return queue >= 0 && queue <= MAX_QUEUE ? null : `queue must be 0 to ${MAX_QUEUE}`
  }
  if (amount.kind === 'quota') {
    if (!whole(amount.count) || amount.count > MAX_QUOTA) return `a quota must be 1 to ${MAX_QUOTA}`
    return cost > amount.count ? `a request that costs ${cost} never fits into a quota of ${amount.count}` : null
  }
  if (amount.kind === 'bandwidth') {
    const { bytes, period } = amount
    if (!whole(bytes) || !whole(period)) return 'bandwidth is whole bytes, at least 1, in at least 1 ms'
    const second = aSecondOf(amount)
    return second >= LEAST_BANDWIDTH && second <= MOST_BANDWIDTH ? null : 'bandwidth must be 1kb/s to 512mb/s'
  }
  const { count, period } = amount
  if (!whole(count) || !whole(period)) return 'a rate is a whole number of requests, at least 1, in at least 1 ms'
  return amount.kind === 'sliding' ? checkWindow(count, period, cost) : checkRate(count, period, amount.burst, cost)
}

/** Below, one chunk of a body would be held back for minutes; above, a byte is too short for a clock of nanoseconds. */
const LEAST_BANDWIDTH = 1 << 10
const MOST_BANDWIDTH = 512 << 20

function aSecondOf({ bytes, period }: { bytes: number; period: number }): number {
  return Math.max(1, Math.round((bytes * 1000) / period))
}

function checkRate(count: number, period: number, burst: number, cost: number): string | null {
  if (!whole(burst)) return 'burst must be a whole number, at least 1'
  if (cost > burst) return `a request that costs ${cost} never fits into a bucket of ${burst}: raise burst`
  try {
    newRate(count, period, burst, cost)
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function checkWindow(count: number, period: number, cost: number): string | null {
  if (period % 1000 !== 0 || period / 1000 > MAX_WINDOW_SECONDS)
    return 'a sliding window is whole seconds long, up to ten years'
  if (count > MAX_WINDOW_COUNT) return `a sliding window counts up to ${MAX_WINDOW_COUNT}`
  return cost > count ? `a request that costs ${cost} never fits into a window of ${count}` : null
}

function whole(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 1
}
