/** What CrowdSec's local API says: its stream of decisions, as text from outside. */
import { parseCidr, type Cidr } from '../../ip.ts'
import { textOf, WIDEST_V4, WIDEST_V6 } from './block.ts'

export interface Decision {
  cidr: Cidr
  /** The block as bans are listed. */
  who: string
  /** Whole ms from now; 0 or less: it is over. */
  left: number
  /** Where it comes from and why, for the owner. */
  reason: string
}

export interface Decisions {
  made: Decision[]
  ended: Decision[]
  /** Others than bans of addresses and networks, and those that can't be read or are too wide. */
  ignored: number
}

/** Longest ban taken over, ms: a year. A longer one is in the next year's list too. */
const LONGEST = 31_536_000_000
const REASON = 200
/** Go's durations: `3h59m57.1s`, `-757.384144ms`. Each part is matched once: linear. */
const DURATION = /^-?(?:\d{1,7}h)?(?:\d{1,7}m)?(?:\d{1,7}(?:\.\d{1,9})?(?:s|ms|µs|us|ns))?$/
const PART = /(\d+(?:\.\d+)?)(h|ms|m|s|µs|us|ns)/g
const UNIT: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  µs: 1e-3,
  us: 1e-3,
  ns: 1e-6
}

/** @throws Error for the owner where it is no such answer at all */
export function readDecisions(body: string): Decisions {
  const answer = parse(body)
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) throw new Error(NO_STREAM)
  const { new: made, deleted } = answer as Record<string, unknown>
  const decisions: Decisions = { made: [], ended: [], ignored: 0 }
  for (const [list, into] of [
    [made, decisions.made],
    [deleted, decisions.ended]
  ] as const) {
    // An empty list is null.
    if (list === null) continue
    if (!Array.isArray(list)) throw new Error(NO_STREAM)
    for (const item of list) {
      const decision = readDecision(item)
      if (decision === null) decisions.ignored++
      else into.push(decision)
    }
  }
  return decisions
}

const NO_STREAM = 'answered with something that is no stream of decisions'

function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    throw new Error(NO_STREAM)
  }
}

function readDecision(item: unknown): Decision | null {
  if (typeof item !== 'object' || item === null) return null
  const { type, scope, value, duration, origin, scenario } = item as Record<string, unknown>
  if (!is(type, 'ban') || !(is(scope, 'ip') || is(scope, 'range')) || typeof value !== 'string') return null
  const cidr = parseCidr(value)
  const left = typeof duration === 'string' ? parseGoDuration(duration) : null
  if (cidr === null || left === null) return null
  if (cidr.bits < (cidr.bytes.length === 4 ? WIDEST_V4 : WIDEST_V6)) return null
  const reason = `CrowdSec (${plain(origin)}): ${plain(scenario)}`.slice(0, REASON)
  return { cidr, who: textOf(cidr), left: Math.min(LONGEST, Math.ceil(left)), reason }
}

function is(value: unknown, word: string): boolean {
  return typeof value === 'string' && value.toLowerCase() === word
}

/** ms; null when it is none. */
export function parseGoDuration(text: string): number | null {
  if (text.length > 40 || !DURATION.test(text)) return null
  let ms = 0
  let parts = 0
  for (const [, number, unit = ''] of text.matchAll(PART)) {
    ms += Number(number) * (UNIT[unit] ?? 0)
    parts++
  }
  return parts === 0 ? null : text.startsWith('-') ? -ms : ms
}

/** Printable ASCII of it: it goes to a terminal and a log. */
function plain(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, REASON).replaceAll(/[^\x20-\x7e]/g, '?') : '?'
}
