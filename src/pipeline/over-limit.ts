import { retryAfter } from '../limits/headers.ts'
import type { Limit } from '../limits/limiter.ts'
import { refuse, type Refusal } from '../problems.ts'

/** A power of two. */
const PLACES = 64

/** What was last told of one wait; `refusal` from the second time on. */
interface Place {
  seconds: number
  refusal: Refusal | null
}

/** By the seconds to wait: who floods a limit is told the same again and again. */
const known = new WeakMap<Limit, (Place | undefined)[]>()

/** @param full the limit's table had no room for another key */
export function overLimit(limit: Limit, full: boolean, retryNs: number): Refusal {
  const seconds = retryAfter(retryNs)
  if (full) return refusalOf(limit, full, seconds)
  let places = known.get(limit)
  if (places === undefined) known.set(limit, (places = []))
  const place = (places[seconds & (PLACES - 1)] ??= { seconds: -1, refusal: null })
  if (place.seconds === seconds) return (place.refusal ??= kept(refusalOf(limit, full, seconds)))
  place.seconds = seconds
  place.refusal = null
  return refusalOf(limit, full, seconds)
}

/** Frozen headers are those that come again (messages.ts): what is made of them is kept, which costs more than it saves for one use. */
function kept(refusal: Refusal): Refusal {
  Object.freeze(refusal.headers)
  return refusal
}

function refusalOf(limit: Limit, full: boolean, seconds: number): Refusal {
  const { name, where } = limit.plan
  const reason = full ? `limit ${name}: no room for another key` : `limit ${name}: over ${most(limit)}`
  return refuse('over-limit', 'limits', reason, { rule: name, where, headers: ['retry-after', String(seconds)] })
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
