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
  if (amount.kind === 'concurrent') return `${limit.told};q=${amount.max};qu="concurrent-requests"`
  if (amount.kind === 'bandwidth') {
    const window = Math.ceil(amount.period / 1000)
    const bytes = Math.floor((amount.bytes * window * 1000) / amount.period)
    return `${limit.told};q=${bytes};w=${window};qu="content-bytes"`
  }
  if (amount.kind === 'quota') return `${limit.told};q=${amount.count};w=${lengthOf(amount.per, wall)}`
  const seconds = Math.ceil(amount.period / 1000)
  const quota = Math.floor((amount.count * seconds * 1000) / amount.period)
  return `${limit.told};q=${Math.min(quota, LARGEST_INTEGER)};w=${seconds}`
}

/**
 * One limit's item of `RateLimit` for one answer: `"plan";r=59;t=1`. `t` is when there will be more: the full quota,
 * or, with nothing left, the next request, so that it agrees with `Retry-After`.
 */
export function limitItem(limit: Limit, verdict: LimitVerdict): string {
  const { told } = limit
  const remaining = Math.min(verdict.remaining, LARGEST_INTEGER)
  const wait = verdict.retryNs > 0 ? verdict.retryNs : verdict.resetNs
  const seconds = limit.amount.kind === 'concurrent' ? -1 : Math.min(Math.ceil(wait / NS_PER_SECOND), LARGEST_INTEGER)
  if (told.length > LONGEST_NAME || !(remaining >= 0 && remaining <= MAX_INT) || seconds > MAX_INT) {
    return `${told};r=${remaining}${seconds < 0 ? '' : `;t=${seconds}`}`
  }
  if (told !== standing) {
    ITEM.write(told, 0, told.length)
    standing = told
  }
  let at = putNumber(told.length, LETTER_R, remaining)
  if (seconds >= 0) at = putNumber(at, LETTER_T, seconds)
  return ITEM.toString('latin1', 0, at)
}

/**
 * Where an item is put together. It is another one for each answer, and a text joined of numbers and texts would be made
 * one again to be sent: half of the time is spared.
 */
const LONGEST_NAME = 128
const MAX_INT = 0x7fff_ffff
const ITEM = Buffer.alloc(LONGEST_NAME + 2 * 16)
/** The name that ITEM begins with. */
let standing = ''
const LETTER_R = 0x72
const LETTER_T = 0x74
const ZERO = 0x30

/** `;r=59`. @param number whole, 0 to MAX_INT @returns the offset behind */
function putNumber(start: number, letter: number, number: number): number {
  ITEM[start] = 0x3b
  ITEM[start + 1] = letter
  ITEM[start + 2] = 0x3d
  let digits = 1
  for (let power = 10; digits < 10 && number >= power; power *= 10) digits++
  const end = start + 3 + digits
  for (let at = end - 1, rest = number | 0; at >= start + 3; at--, rest = (rest / 10) | 0) ITEM[at] = ZERO + (rest % 10)
  return end
}

/** The same for a request that has just taken the last place of a limit. */
export function noneLeft(limit: Limit): string {
  return `${limit.told};r=0`
}

/** Appends an item to a field that may be empty still. */
export function joined(field: string, item: string): string {
  return field === '' ? item : `${field}, ${item}`
}

/**
 * `Retry-After` in whole seconds, rounded up and at least 1: a client that waits as told is not refused again for it.
 * @param retryNs the longest wait of the limits that refuse
 */
export function retryAfter(retryNs: number): number {
  return Math.max(1, Math.ceil(retryNs / NS_PER_SECOND))
}

/** An sf-string (RFC 9651 section 3.3.3). Names of the configuration are ASCII; anything else could not be told. */
export function quoted(name: string): string {
  let out = '"'
  for (const c of name) {
    if (c < ' ' || c > '~') continue
    out += c === '"' || c === '\\' ? `\\${c}` : c
  }
  return `${out}"`
}
