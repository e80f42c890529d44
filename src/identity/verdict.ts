/** What became of a token: the outcomes of the verifier, and the judgement on claims that every use shares. */
import { audienceComplaint, readClaims, timeComplaint } from './claims.ts'
import { identityOfToken } from './identity.ts'
import type { Authority } from './authority.ts'
import type { ClaimsPolicy } from './claims.ts'
import type { CallerDirectory } from './directory.ts'
import type { Identity, TokenProof } from './identity.ts'
import type { Claims } from './token.ts'
import type { JwtAuthPlan } from '../plan/auth.ts'
import type { VerificationKey } from '../plan/keys.ts'

export interface VerifiedToken extends Identity {
  /** For joining it with a key that came along. */
  readonly proof: TokenProof
}

export interface RefusedToken {
  readonly ok: false
  readonly code: 'bad-credential' | 'verify-overload' | 'keys-unavailable'
  /** For the owner, precise; nothing of the token in it. */
  readonly reason: string
  /** Whom it claims to be, where all but the signature says that it might. */
  readonly account?: string
}

export type TokenOutcome = VerifiedToken | RefusedToken

/** A token whose signature holds, and all that was made of it. The mutable part is read anew in each generation. */
export interface Verdict {
  readonly alg: string
  readonly typ: string | null
  readonly key: VerificationKey
  /** Of the key ring at that time. */
  readonly keyVersion: number
  authority: Authority
  outcome: VerifiedToken
  /** The route's plan that was last found to take it: the same object need not be compared again. */
  acceptedBy: JwtAuthPlan | null
}

export function refused(reason: string): RefusedToken {
  return { ok: false, code: 'bad-credential', reason }
}

/** All that is asked of claims, the signature apart. `typ` is the header's. */
export function judge(
  authority: Authority,
  directory: CallerDirectory,
  claims: Claims,
  typ: string | null,
  accept: JwtAuthPlan,
  now: number
): VerifiedToken | RefusedToken {
  const facts = readClaims(claims, typ, authority.policy)
  if (!facts.ok) return refused(facts.reason)
  const consumer = authority.consumer ?? directory.attached(authority.issuer, facts.consumerId)
  const proof: TokenProof = { facts, claims: frozen(claims), issuer: authority.issuer, consumer }
  const complaint = useComplaint(proof, authority.policy, accept) ?? timeComplaint(facts, now)
  if (complaint !== null) return refused(complaint)
  return Object.freeze({ ...identityOfToken(proof), proof })
}

/** What one route asks of a token beyond what its issuer does. Null: nothing that it lacks. */
export function useComplaint(proof: TokenProof, policy: ClaimsPolicy, accept: JwtAuthPlan): string | null {
  if (!proof.facts.expires && accept.expiry === 'required') return 'the token has no exp'
  return audienceComplaint(proof.facts, policy, accept.audiences)
}

/** Whether the key that a verdict rests on is still one that `authority` takes for its algorithm. */
export function stillHolds(verdict: Verdict, authority: Authority): boolean {
  return (
    authority.algorithms.includes(verdict.alg) &&
    authority.keys.version === verdict.keyVersion &&
    authority.keys.holds(verdict.key)
  )
}

/** Frozen through and through; the depth was bounded when it was parsed. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const member of Object.values(value)) frozen(member)
  }
  return value
}
