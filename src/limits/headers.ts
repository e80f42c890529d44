/**
 * `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10), lists of structured fields (RFC 9651),
 * and `Retry-After` (RFC 9110 section 10.2.3). The partition key is left out: it would tell a client what it is
 * counted by, which is the owner's business.
 *
 * A limit in shadow mode refuses nobody and is not told: leave it out of both.
 */
import { lengthOf } from '../memory/calendar.ts'
import type { Limit, LimitVerdict } from './limiter.ts'

const NS_PER_SECOND = 1e9
/** RFC 9651 section 3.3.1: integers have at most 15 digits. */
const LARGEST_INTEGER = 999_999_999_999_999

/**
 * One limit's item of `RateLimit-Policy`: `"plan";q=60;w=60`, or `"parallel";q=10;qu="concurrent-requests"`. Once per
 * generation; a route's field is its limits' items joined with `, `. `w` is whole seconds: a shorter period is scaled.
 * @param wall ms since the epoch: months are not equally long
 */
export function policyItem(limit: Limit, wall: number): string {
  const { amount } = limit
  const { name } = limit.plan
  if (amount.kind === 'concurrent') return `${quoted(name)};q=${amount.max};qu="concurrent-requests"`
  if (amount.kind === 'bandwidth') {
    const window = Math.ceil(amount.period / 1000)
    const bytes = Math.floor((amount.bytes * window * 1000) / amount.period)
    return `${quoted(name)};q=${bytes};w=${window};qu="content-bytes"`
  }
  if (amount.kind === 'quota') return `${quoted(name)};q=${amount.count};w=${lengthOf(amount.per, wall)}`
  const seconds = Math.ceil(amount.period / 1000)
  const quota = Math.floor((amount.count * seconds * 1000) / amount.period)
  return `${quoted(name)};q=${Math.min(quota, LARGEST_INTEGER)};w=${seconds}`
}

/**
 * One limit's item of `RateLimit` for one answer: `"plan";r=59;t=1`. `t` is when there will be more: the full quota,
 * or, with nothing left, the next request, so that it agrees with `Retry-After`.
 */
export function limitItem(limit: Limit, verdict: LimitVerdict): string {
  const head = `${quoted(limit.plan.name)};r=${Math.min(verdict.remaining, LARGEST_INTEGER)}`
  if (limit.amount.kind === 'concurrent') return head
  const wait = verdict.retryNs > 0 ? verdict.retryNs : verdict.resetNs
  return `${head};t=${Math.min(Math.ceil(wait / NS_PER_SECOND), LARGEST_INTEGER)}`
}

/** The same for a request that has just taken the last place of a limit. */
export function noneLeft(limit: Limit): string {
  return `${quoted(limit.plan.name)};r=0`
}

/** Appends an item to a field that may be empty still. */
export function joined(field: string, item: string): string {
  return field === '' ? item : `${field}, ${item}`
}

/**
 * `Retry-After` in whole seconds, rounded up and at least 1: a client that waits as told is not refused again for it.
 * @param retryNs the longest wait of the limits that refused
 */
export function retryAfter(retryNs: number): string {
  return String(Math.max(1, Math.ceil(retryNs / NS_PER_SECOND)))
}

/** An sf-string (RFC 9651 section 3.3.3). Names of the configuration are ASCII; anything else could not be told. */
function quoted(name: string): string {
  let out = '"'
  for (const c of name) {
    if (c < ' ' || c > '~') continue
    out += c === '"' || c === '\\' ? `\\${c}` : c
  }
  return `${out}"`
}
