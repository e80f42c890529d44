import { retryAfter } from '../limits/headers.ts'
import type { Limit } from '../limits/limiter.ts'
import { refuse, type Refusal } from '../problems.ts'

/** Longest wait whose refusal is kept, s. */
const KEPT = 60

/** By the seconds to wait: who floods a limit is told the same again and again. */
const known = new WeakMap<Limit, (Refusal | undefined)[]>()

/** @param full the limit's table had no room for another key */
export function overLimit(limit: Limit, full: boolean, retryNs: number): Refusal {
  const seconds = retryAfter(retryNs)
  if (full || seconds > KEPT) return refusalOf(limit, full, seconds)
  let ofLimit = known.get(limit)
  if (ofLimit === undefined) known.set(limit, (ofLimit = []))
  return (ofLimit[seconds] ??= refusalOf(limit, full, seconds))
}

function refusalOf(limit: Limit, full: boolean, seconds: number): Refusal {
  const { name, where } = limit.plan
  const reason = full ? `limit ${name}: no room for another key` : `limit ${name}: over ${most(limit)}`
  const headers = Object.freeze(['retry-after', String(seconds)])
  return refuse('over-limit', 'limits', reason, { rule: name, where, headers })
}

function most({ amount }: Limit): string {
  switch (amount.kind) {
    case 'rate':
      return `${amount.count} per ${amount.period} ms`
    case 'sliding':
      return `${amount.count} in a sliding window of ${amount.period} ms`
    case 'bandwidth':
      return `${amount.bytes} bytes per ${amount.period} ms`
    case 'quota':
      return `${amount.count} per ${amount.per}`
    case 'concurrent':
      return `${amount.max} at once`
  }
}
