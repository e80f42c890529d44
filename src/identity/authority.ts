/**
 * Who may vouch for a token: the issuers of the configuration, and consumers that sign their own. One set per
 * generation.
 */
import { compilePolicy } from './claims.ts'
import { KeyRing } from './key-ring.ts'
import type { ClaimsPolicy } from './claims.ts'
import type { CallerDirectory, TokenSigner } from './directory.ts'
import type { Claims } from './token.ts'
import type { JwtAuthPlan } from '../plan/auth.ts'
import type { ConsumerPlan } from '../plan/consumer.ts'
import type { IntrospectionPlan, IssuerPlan } from '../plan/issuer.ts'

export interface Authority {
  readonly generation: number
  /** The issuer's name in the configuration; '' for a consumer. */
  readonly issuer: string
  readonly policy: ClaimsPolicy
  readonly algorithms: readonly string[]
  /** An issuer's ring outlives generations. */
  readonly keys: KeyRing
  /** How its opaque tokens are asked about; null: they aren't taken. */
  readonly introspection: IntrospectionPlan | null
  /** Whose tokens these are, when a consumer signs them itself. */
  readonly consumer: ConsumerPlan | null
}

/** Clock tolerance for tokens that consumers sign themselves, ms. */
const CONSUMER_SKEW = 30_000

export class Authorities {
  readonly generation: number
  readonly directory: CallerDirectory
  /** By `iss`. Two issuers of the configuration may share one and differ in audience or claims. */
  readonly #issuers = new Map<string, Authority[]>()
  /** Issuers of the configuration. */
  readonly #byName = new Map<string, Authority>()
  readonly #signers = new WeakMap<TokenSigner, Authority>()

  constructor(
    generation: number,
    issuers: readonly IssuerPlan[],
    directory: CallerDirectory,
    ringOf: (issuer: string) => KeyRing
  ) {
    this.generation = generation
    this.directory = directory
    for (const plan of issuers) {
      const authority: Authority = {
        generation,
        issuer: plan.name,
        policy: compilePolicy(plan),
        algorithms: plan.algorithms,
        keys: ringOf(plan.name),
        introspection: plan.introspection,
        consumer: null
      }
      this.#byName.set(plan.name, authority)
      const same = this.#issuers.get(plan.issuer)
      if (same === undefined) this.#issuers.set(plan.issuer, [authority])
      else same.push(authority)
    }
  }

  /** Who vouches for these claims, among those that the route takes tokens from; null: nobody. */
  find(claims: Claims, accept: JwtAuthPlan): Authority | null {
    const { iss } = claims
    if (typeof iss !== 'string') return null
    for (const authority of this.#issuers.get(iss) ?? []) if (admits(accept, authority)) return authority
    const signer = accept.consumers ? this.directory.byTokenIssuer(iss) : undefined
    if (signer === undefined) return null
    let authority = this.#signers.get(signer)
    if (authority === undefined) this.#signers.set(signer, (authority = this.#signing(signer)))
    return authority
  }

  /** Who is asked about opaque tokens of this route; null: nobody. */
  asked(accept: JwtAuthPlan): Authority | null {
    return accept.opaque === null ? null : (this.#byName.get(accept.opaque) ?? null)
  }

  #signing({ consumer, plan }: TokenSigner): Authority {
    return {
      generation: this.generation,
      issuer: '',
      policy: consumerPolicy(plan.issuer),
      algorithms: plan.key.algorithms,
      keys: KeyRing.of(plan.key),
      introspection: null,
      consumer
    }
  }
}

/** Whether a route takes tokens of this authority. */
export function admits(accept: JwtAuthPlan, authority: Authority): boolean {
  return authority.consumer === null ? accept.issuers.includes(authority.issuer) : accept.consumers
}

/** A consumer's own tokens grant nothing of themselves: groups, scopes and attributes are the consumer's. */
function consumerPolicy(issuer: string): ClaimsPolicy {
  return {
    issuer,
    // Nothing beside a consumer's key says an audience; the route's `audiences` does.
    audiences: 'any',
    typ: null,
    required: [],
    equal: [],
    clockSkew: CONSUMER_SKEW,
    maxAge: null,
    scopes: [],
    groups: [],
    consumer: null,
    attributes: []
  }
}
