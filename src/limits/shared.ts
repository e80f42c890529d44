/**
 * Limits over several hosts, as the store that they share counts them (cluster/scripts.ts): which key there, which
 * amounts, and what its answer says. Nothing of a client is in a key but a hash under a seed that only the hosts know.
 */
import { createHash } from 'node:crypto'
import { dayOf, endOf, startOf, untilDay } from '../memory/calendar.ts'
import { settle } from '../memory/sliding-table.ts'
import type { AmountPlan, LimitPlan } from '../plan/limit.ts'
import type { Counted } from './amount.ts'
import type { Limit, LimitVerdict } from './limiter.ts'

/** A key of a limit: its hash, and which half of the tables it is in. */
export interface SharedKey {
  readonly lo: number
  readonly hi: number
  readonly identified: boolean
}

/** A kind that the store counts. */
export type SharedKind = 'r' | 's' | 'q'

const NS_PER_US = 1000
const NS_PER_MS = 1e6
/** Multiples of this many µs are summed up exactly there. */
const TICK = 1 / 16
const HASH_TAGS = 16

/** The same number in every thread and on every host, 1 to 2^30-1: names a limit at one of its amounts. */
export function placeOf({ level, name, cost }: LimitPlan, amount: AmountPlan): number {
  const digest = createHash('sha256')
    .update(JSON.stringify([level, name, amount, cost?.units ?? 1]))
    .digest()
  return (digest.readUInt32BE(0) >>> 2) | 1
}

export function kindOf({ kind }: Counted): SharedKind | null {
  return kind === 'rate' ? 'r' : kind === 'sliding' ? 's' : kind === 'quota' ? 'q' : null
}

/**
 * Of sixteen groups of keys, the one this is in. Each is in one place of a Redis Cluster, by the part in braces.
 */
export function groupOf({ lo }: SharedKey): number {
  return lo & (HASH_TAGS - 1)
}

/** @param wall ms since the epoch: which period of a quota; hosts whose clocks differ part by so much at its edge */
export function storeKeyOf(prefix: string, counted: Counted, key: SharedKey, wall: number): string {
  const hash = hex(key.lo) + hex(key.hi) + (key.identified ? 'c' : 's')
  const period = counted.kind === 'quota' ? `:${endOf(counted.quota.per, dayOf(wall))}` : ''
  return `${prefix}:{${groupOf(key).toString(HASH_TAGS)}}:${kindOf(counted) ?? ''}:${hash}${period}`
}

/** The last argument of EXCHANGE and TAKE: a window's length in µs, the end of a quota's period in ms. */
export function periodOf(counted: Counted, wall: number): string {
  if (counted.kind === 'sliding') return String(counted.window.seconds * 1e6)
  return counted.kind === 'quota' ? String(startOf(endOf(counted.quota.per, dayOf(wall)))) : '0'
}

/** Arguments of TAKE. */
export function questionOf({ counted }: Limit, wall: number): string[] {
  const period = periodOf(counted, wall)
  switch (counted.kind) {
    case 'rate': {
      const unit = inTicks(counted.rate.unitNs)
      const { unitNs, intervalNs, capacityNs } = counted.rate
      const [cost, burst] = [Math.round(intervalNs / unitNs), Math.round(capacityNs / unitNs)]
      return ['r', String(cost * unit), String(burst * unit), period]
    }
    case 'sliding':
      return ['s', String(counted.window.cost), String(counted.window.count), period]
    case 'quota':
      return ['q', String(counted.quota.cost), String(counted.quota.count), period]
    default:
      throw new TypeError(`the store counts no ${counted.kind}`)
  }
}

/** An amount as EXCHANGE takes it. @param amount ns of a rate's debt, or units */
export function amountText(counted: Counted, amount: number): string {
  return String(counted.kind === 'rate' ? inTicks(amount) : amount)
}

/** A rate's time in the store, µs, as ns; units as they are. */
export function amountOf(counted: Counted, told: number): number {
  return counted.kind === 'rate' ? told * NS_PER_US : told
}

/** What TAKE's answer says of the limit. @param answer one that fits TAKE (cluster/scripts.ts) */
export function tell({ counted }: Limit, answer: unknown, wall: number, into: LimitVerdict): void {
  const [admitted, first = 0, second = 0, third = 0, weight = 0] = (answer as unknown[]).map(Number)
  into.full = false
  if (counted.kind === 'rate') {
    const { unitNs, intervalNs, capacityNs } = counted.rate
    into.resetNs = first * NS_PER_US
    into.remaining = Math.max(0, Math.floor((capacityNs - into.resetNs) / unitNs + TICK))
    into.retryNs = Math.max(0, into.resetNs + intervalNs - capacityNs)
  } else if (counted.kind === 'sliding') {
    settle(counted.window, first, second, third * NS_PER_US, weight, into)
  } else if (counted.kind === 'quota') {
    const { count, cost, per } = counted.quota
    const left = untilDay(endOf(per, dayOf(wall)), wall) * NS_PER_MS
    into.remaining = Math.max(0, count - first)
    into.resetNs = first === 0 ? 0 : left
    into.retryNs = first + cost <= count ? 0 : left
  }
  into.admitted = admitted === 1
}

/** µs, rounded up to what the store sums exactly. */
function inTicks(ns: number): number {
  return Math.ceil(ns / NS_PER_US / TICK) * TICK
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0')
}
