/**
 * Turning what a credential proved into the `Caller` that policies speak of: one formula for tokens, a consumer's own
 * credentials and both together. Groups are the consumer's and the token's; scopes the token's, else the key's within
 * the consumer's, else the consumer's; the consumer's attributes win over the token's.
 */
import { NOBODY } from '../caller.ts'
import { CallerMemo } from './memo.ts'
import { Standing } from './revocations.ts'
import type { Caller } from '../caller.ts'
import type { TokenFacts } from './claims.ts'
import type { Claims } from './token.ts'
import type { ConsumerPlan } from '../plan/consumer.ts'
import type { Holder } from './directory.ts'

/** A caller, and the results of rules that read nothing but the caller. */
export interface Identity {
  readonly ok: true
  readonly caller: Caller
  readonly memo: CallerMemo
  readonly standing: Standing
}

/** What a verified token proved. */
export interface TokenProof {
  readonly facts: TokenFacts
  /** Frozen through and through. */
  readonly claims: Claims
  /** The issuer's name in the configuration; '' for a token that a consumer signed itself. */
  readonly issuer: string
  readonly consumer: ConsumerPlan | null
}

/** Nobody in particular: the caller of a public route. */
export function identityOfNobody(): Identity {
  return identity(NOBODY)
}

export function identityOfToken(proof: TokenProof): Identity {
  return identity(makeCaller('jwt', proof, proof.consumer, null))
}

/** The same object for each use of one credential in one generation. */
export function identityOf(holder: Holder): Identity {
  return (holder.identity ??= identity(makeCaller(holder.method, null, holder.consumer, holder)))
}

export function identityOfGuest(consumer: ConsumerPlan): Identity {
  return identity(makeCaller('anonymous', null, consumer, null))
}

/** A good token, by the key `kid`, beside another good credential. Null: they name different consumers. */
export function identityOfBoth(proof: TokenProof, kid: string, holder: Holder): Identity | null {
  if (proof.consumer !== null && proof.consumer.name !== holder.consumer.name) return null
  const both = identity(makeCaller('jwt', proof, holder.consumer, holder))
  both.standing.kid = kid
  return both
}

function identity(caller: Caller): Identity {
  return Object.freeze({ ok: true, caller, memo: new CallerMemo(), standing: new Standing(caller) })
}

function makeCaller(
  method: Caller['method'],
  token: TokenProof | null,
  consumer: ConsumerPlan | null,
  holder: Holder | null
): Caller {
  return Object.freeze({
    method,
    subject: token?.facts.subject ?? '',
    issuer: token?.issuer ?? '',
    // Of a token nothing is fit: its jti changes from one to the next, and would be a fresh limit each time.
    credential: holder?.credential ?? '',
    consumer: consumer?.name ?? '',
    groups: union(consumer?.groups ?? NONE, token?.facts.groups ?? NONE),
    scopes: token?.facts.scopes ?? ownScopes(holder) ?? consumer?.scopes ?? NONE,
    attributes: Object.freeze({ ...token?.facts.attributes, ...consumer?.attributes }),
    claims: token?.claims ?? NOBODY.claims
  })
}

const NONE: readonly string[] = Object.freeze([])

function ownScopes(holder: Holder | null): readonly string[] | null {
  if (holder === null || holder.scopes === null) return null
  return Object.freeze(holder.scopes.filter((scope) => holder.consumer.scopes.includes(scope)))
}

function union(a: readonly string[], b: readonly string[]): readonly string[] {
  return b.length === 0 ? a : Object.freeze([...new Set([...a, ...b])])
}
