/** Judging a JSON Web Key Set (RFC 7517 section 5) as a whole, after each key by itself (lint.ts). */
import { parseObject } from '../../identity/json.ts'
import { lintJwk, quote } from './lint.ts'
import type { VerificationKey } from '../../plan/keys.ts'

/** Something the owner should know of a key: left out (`refused` false) or bad. */
export interface KeyNote {
  readonly kid: string | null
  readonly refused: boolean
  readonly reason: string
}

export type LintedSet =
  | { readonly ok: true; readonly keys: VerificationKey[]; readonly notes: readonly KeyNote[] }
  /** The set must not be used, nor replace one that is. */
  | { readonly ok: false; readonly reason: string; readonly notes: readonly KeyNote[] }

/** Far more than anyone publishes; a set is searched for every token without kid. */
const MAX_KEYS = 256
/** Notes that are told one by one: a provider that publishes nonsense, and other nonsense each time, fills no log. */
const MOST_TOLD = 8

/** Reads a JWKS out of its text. */
export function parseKeySet(issuer: string, body: string, allowed: readonly string[]): LintedSet {
  const parsed = parseObject(Buffer.from(body), 'key set')
  if (!parsed.ok) return { ok: false, reason: parsed.reason, notes: [] }
  const { keys } = parsed.value
  if (!Array.isArray(keys)) return { ok: false, reason: 'the key set has no list of keys', notes: [] }
  return lintKeySet(issuer, keys, allowed)
}

/** `issuer` becomes part of each key's id, `allowed` are the `alg` values it accepts. */
export function lintKeySet(issuer: string, jwks: readonly unknown[], allowed: readonly string[]): LintedSet {
  const notes: KeyNote[] = []
  if (jwks.length > MAX_KEYS) return { ok: false, reason: `the key set has more than ${MAX_KEYS} keys`, notes }
  const good: VerificationKey[] = []
  let secrets = 0
  let publics = 0
  for (const jwk of jwks) {
    if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) {
      notes.push({ kid: null, refused: true, reason: 'is not an object' })
      continue
    }
    const fields = jwk as Record<string, unknown>
    const linted = lintJwk(fields, allowed)
    if (fields.kty === 'oct' && (linted.ok || !linted.skip)) secrets++
    else if (linted.ok || !linted.skip) publics++
    if (linted.ok) good.push({ ...linted.key, id: `${issuer}/${linted.key.id}` })
    else {
      const kid = typeof fields.kid === 'string' ? fields.kid : null
      notes.push({ kid, refused: !linted.skip, reason: linted.reason })
    }
  }
  // Public keys are there to be read by everyone, secrets by nobody: a set of both gives one of them away.
  if (secrets > 0 && publics > 0) {
    return { ok: false, reason: 'the key set mixes shared secrets with public keys', notes }
  }
  const keys = withoutAmbiguous(good, notes)
  if (keys.length > 0) return { ok: true, keys, notes }
  const why = told(notes, ({ kid, reason }) => `${kid === null ? 'a key' : quote(kid)} ${reason}`)
  return { ok: false, reason: `the key set has no usable key${why.length > 0 ? `: ${why.join('; ')}` : ''}`, notes }
}

/** What the owner is told of a set's keys, a line each. */
export function linesOf({ notes }: LintedSet): string[] {
  return told(notes, ({ kid, refused, reason }) => {
    const name = kid === null ? 'a key without kid' : `key ${quote(kid)}`
    return `${name} is ${refused ? 'refused' : 'left out'}: it ${reason}`
  })
}

function told(notes: readonly KeyNote[], text: (note: KeyNote) => string): string[] {
  const lines = notes.slice(0, MOST_TOLD).map(text)
  const rest = notes.length - lines.length
  return rest > 0 ? [...lines, `${rest} more of its keys are not used`] : lines
}

/**
 * One name for two keys says nothing: neither is used, also when one of them was refused. The same key listed twice,
 * for two algorithms, is one key.
 */
function withoutAmbiguous(keys: readonly VerificationKey[], notes: KeyNote[]): VerificationKey[] {
  const byName = new Map<string, VerificationKey>()
  const ambiguous = new Set<string>()
  const refused = new Set(notes.filter((note) => note.refused).map((note) => note.kid))
  for (const key of keys) {
    const name = key.kid === null ? `id ${key.id}` : `kid ${key.kid}`
    const other = byName.get(name)
    if (key.kid !== null && refused.has(key.kid)) ambiguous.add(name)
    if (other === undefined) byName.set(name, key)
    else if (other.id !== key.id) ambiguous.add(name)
    else byName.set(name, { ...other, algorithms: [...new Set([...other.algorithms, ...key.algorithms])] })
  }
  for (const name of ambiguous) {
    notes.push({
      kid: byName.get(name)?.kid ?? null,
      refused: true,
      reason: 'names two different keys; neither is used'
    })
    byName.delete(name)
  }
  return [...byName.values()]
}
