/** What a revocation says, and the one written over the admin API: read here with the words for who wrote it. */
import { createHash } from 'node:crypto'
import type { RevocationPlan } from '../../plan/revocation.ts'
import { AdminProblem } from '../admin/resource.ts'
import { didYouMean } from '../config/names.ts'
import { parseInstant } from '../config/units.ts'

/** Whom a revocation names. */
export type Selection = Pick<RevocationPlan, 'issuer' | 'jti' | 'subject' | 'consumer' | 'kid' | 'issuedBefore'>

/** `rv-` and 12 hex digits: of 20,000 selections two share one with a chance of 1 in a million. */
export function revocationId(selection: Selection): string {
  const { issuer, jti, subject, consumer, kid, issuedBefore } = selection
  const text = JSON.stringify([issuer, jti, subject, consumer, kid, issuedBefore])
  return `rv-${createHash('sha256').update(text).digest('hex').slice(0, 12)}`
}

/** What a revocation may name, of which it names at least one; `issuer` only narrows. */
export const SELECTORS = ['jti', 'subject', 'consumer', 'kid', 'issuedBefore'] as const

const KEYS = ['issuer', ...SELECTORS, 'until', 'reason'] as const
/** Of a claim or a reason, characters. */
const LONGEST = 512
const INSTANT = 'a date such as 2027-01-01, or a time such as 2027-01-01T08:00:00Z'

/** Names that the serving configuration knows: a misspelt one would revoke nobody, silently. */
export interface KnownNames {
  issuers: ReadonlySet<string>
  consumers: ReadonlySet<string>
}

/**
 * `{ consumer: "acme", until: "2027-01-01", reason: "left" }`.
 *
 * @param now ms since the epoch
 * @throws AdminProblem 422 with what is wrong
 */
export function readRevocation(body: unknown, known: KnownNames, now: number): RevocationPlan {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) refuse('expected a JSON object')
  const fields = new Map(Object.entries(body))
  for (const key of fields.keys()) {
    if (!KEYS.some((each) => each === key)) refuse(`unknown key ${JSON.stringify(key)}${didYouMean(key, KEYS)}`)
  }
  const issuer = named(fields, 'issuer', known.issuers)
  const consumer = named(fields, 'consumer', known.consumers)
  const selection: Selection = {
    issuer,
    jti: textOf(fields, 'jti'),
    subject: textOf(fields, 'subject'),
    consumer,
    kid: textOf(fields, 'kid'),
    issuedBefore: instantOf(fields, 'issuedBefore')
  }
  if (SELECTORS.every((key) => selection[key] === null)) {
    refuse(`whom? Name at least one of ${SELECTORS.join(', ')}`)
  }
  const until = instantOf(fields, 'until')
  if (until === null) refuse('"until" is missing: when it ends. The last of what it revokes has expired by then')
  if (until <= now) refuse(`until ${new Date(until).toISOString()} is over already`)
  const reason = textOf(fields, 'reason') ?? ''
  return { id: revocationId(selection), ...selection, until, reason, where: 'control socket' }
}

function named(fields: ReadonlyMap<string, unknown>, key: 'issuer' | 'consumer', known: ReadonlySet<string>) {
  const name = textOf(fields, key)
  if (name !== null && !known.has(name)) refuse(`no ${key} is named ${JSON.stringify(name)}${didYouMean(name, known)}`)
  return name
}

function textOf(fields: ReadonlyMap<string, unknown>, key: string): string | null {
  const value = fields.get(key)
  if (value === undefined) return null
  if (typeof value !== 'string' || value === '') refuse(`${key}: expected a text`)
  if (value.length > LONGEST) refuse(`${key}: longer than ${LONGEST} characters`)
  if (/\p{Cc}/u.test(value)) refuse(`${key}: has control characters`)
  return value
}

function instantOf(fields: ReadonlyMap<string, unknown>, key: string): number | null {
  const text = textOf(fields, key)
  if (text === null) return null
  return parseInstant(text) ?? refuse(`${key}: expected ${INSTANT}`)
}

function refuse(detail: string): never {
  throw new AdminProblem(422, detail)
}
