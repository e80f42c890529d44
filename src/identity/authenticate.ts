/**
 * The auth stage's question: who calls? Looks only at the methods that the route lists, in the places it lists. A
 * credential that is there and bad refuses, whatever else is good; the anonymous consumer is for those who present
 * nothing at all. Shadow mode is the caller's business: the outcome is the same.
 */
import { lookUpKey } from './api-keys.ts'
import { findBasic, type BasicCredential } from './basic.ts'
import { lookUpCertificate } from './certificates.ts'
import { findKey, findToken, placesRead, usesDpop } from './credentials.ts'
import { DPOP_ALGORITHMS } from './dpop.ts'
import {
  findSignature,
  type MessageSignatures,
  type PresentedSignature,
  type SignableRequest
} from './message-signatures.ts'
import { provePossession } from './possession.ts'
import { identityOf, identityOfBoth, identityOfGuest, identityOfNobody } from './identity.ts'
import type { BadCredential, Found } from './credentials.ts'
import type { CallerDirectory, Holder, KeyHolder } from './directory.ts'
import type { DpopProofs } from './dpop.ts'
import type { Identity } from './identity.ts'
import type { PossessionRequest } from './possession.ts'
import type { TokenVerifier } from './verifier.ts'
import type { Passwords } from './passwords.ts'
import type { RefusedToken, TokenOutcome, VerifiedToken } from './verdict.ts'
import type { AuthPlan, Places } from '../plan/auth.ts'
import type { ClientCertificate } from '../request.ts'

/** What is looked at of a request; a RequestView is one. */
export interface AuthRequest extends PossessionRequest, SignableRequest {
  /** The client's address as limits count it. */
  readonly clientKey: string
  readonly clientCertificate: ClientCertificate | null
}

export interface AuthRefusal {
  readonly ok: false
  readonly code: 'no-credential' | 'bad-credential' | 'verify-overload' | 'keys-unavailable'
  /** For the owner; no part of a credential in it. */
  readonly reason: string
  /** `www-authenticate` or `retry-after`, flat name, value pairs. */
  readonly headers: readonly string[]
  /** Whom the credential claims to be, where that is somebody known here; it proved nothing. */
  readonly account?: string
  /** It was a canary key. */
  readonly canary?: { readonly id: string; readonly where: string }
}

export type AuthOutcome = Identity | AuthRefusal

/** A route's `auth`, ready for use with one generation's consumers. */
export interface PreparedAuth {
  readonly plan: AuthPlan
  readonly directory: CallerDirectory
  /** What this route reads: to be hidden from rules and taken out before forwarding (see credentials.ts). */
  readonly reads: Places
  /** For a caller that presents nothing: the anonymous consumer; null: 401. On a public route: nobody. */
  readonly uncredentialed: Identity | null
  readonly bearerIsToken: boolean
  /** Challenges when nothing, and when something bad, was presented. */
  readonly missing: readonly string[]
  readonly invalid: readonly string[]
  /** As `invalid`, to a caller that uses DPoP or should have. */
  readonly unproven: readonly string[]
}

/** Throws when the anonymous consumer is not among the directory's. */
export function prepareAuth(plan: AuthPlan, directory: CallerDirectory): PreparedAuth {
  return {
    plan,
    directory,
    reads: placesRead(plan),
    uncredentialed: plan.public ? identityOfNobody() : guest(plan, directory),
    bearerIsToken: plan.jwt?.header.includes('authorization') ?? false,
    missing: challenges(plan, ...(plan.jwt?.bound === 'required' ? [DPOP, 'Bearer'] : ['Bearer'])),
    invalid: challenges(plan, 'Bearer error="invalid_token"'),
    unproven: challenges(plan, `${DPOP}, error="invalid_token"`)
  }
}

export class Authenticator {
  readonly #tokens: TokenVerifier
  readonly #passwords: Passwords
  readonly #proofs: DpopProofs
  readonly #signatures: MessageSignatures

  constructor(tokens: TokenVerifier, passwords: Passwords, proofs: DpopProofs, signatures: MessageSignatures) {
    this.#tokens = tokens
    this.#signatures = signatures
    this.#passwords = passwords
    this.#proofs = proofs
  }

  /** `now`: ms since the epoch. A promise, which never rejects, only when cryptography is to be waited for. */
  authenticate(auth: PreparedAuth, request: AuthRequest, now: number): AuthOutcome | Promise<AuthOutcome> {
    const { plan } = auth
    if (plan.public && auth.uncredentialed !== null) return auth.uncredentialed
    const { headers, query } = request
    const token = plan.jwt === null ? null : findToken(plan.jwt, headers, query)
    const key = plan.key === null ? null : findKey(plan.key, headers, query, auth.bearerIsToken)
    const certificate = plan.certificate ? request.clientCertificate : null
    const basic = plan.basic ? findBasic(headers) : null
    const signature = plan.signature ? findSignature(headers) : null
    if (token === null && key === null && certificate === null && basic === null && signature === null) {
      return auth.uncredentialed ?? missing(auth, 'no credential is presented')
    }
    const keyHolder = key === null || isBad(key) ? null : lookUpKey(key, auth.directory, now)
    // It tells of a theft, whatever is missing or bad beside it.
    if (keyHolder !== null && isHolder(keyHolder) && keyHolder.plan.canary) return canary(auth, keyHolder)
    if (isBad(token)) return invalid(auth, token.reason)
    if (isBad(key)) return invalid(auth, key.reason)
    if (isBad(basic)) return invalid(auth, basic.reason)
    if (isBad(signature)) return invalid(auth, signature.reason)
    if (plan.require === 'all') {
      if (plan.jwt !== null && token === null) return missing(auth, 'a token is missing')
      if (plan.key !== null && key === null) return missing(auth, 'an API key is missing')
      if (plan.certificate && certificate === null) return missing(auth, 'a client certificate is missing')
      if (plan.basic && basic === null) return missing(auth, 'a user name and password are missing')
      if (plan.signature && signature === null) return missing(auth, 'a signature is missing')
    }

    // The cheap ones first: bad, they spare the token's verification.
    let holder: Holder | null = null
    if (keyHolder !== null) {
      if (!isHolder(keyHolder)) return invalid(auth, keyHolder.reason)
      holder = keyHolder
    }
    if (certificate !== null) {
      const found = lookUpCertificate(certificate, auth.directory, now)
      if (!isHolder(found)) return invalid(auth, found.reason)
      if (holder !== null && holder.consumer !== found.consumer) return invalid(auth, DIFFERENT)
      holder ??= found
    }
    if (basic === null && signature === null) return this.#token(auth, token, holder, request, now)
    return this.#slower(auth, request, { token, basic, signature }, holder, now)
  }

  /** What takes cryptography, one after the other: the first that is bad spares the rest. */
  async #slower(
    auth: PreparedAuth,
    request: AuthRequest,
    { token, basic, signature }: Slower,
    before: Holder | null,
    now: number
  ): Promise<AuthOutcome> {
    const { directory } = auth
    let holder = before
    if (signature !== null) {
      const next = joined(auth, holder, await this.#signatures.verify(signature, request, directory, now))
      if ('ok' in next) return next
      holder = next
    }
    if (basic !== null) {
      const next = joined(auth, holder, await this.#passwords.verify(basic, directory, request.clientKey, now))
      if ('ok' in next) return next
      holder = next
    }
    return this.#token(auth, token, holder, request, now)
  }

  /** The last step, whatever else was good: `holder`'s. */
  #token(
    auth: PreparedAuth,
    token: string | null,
    holder: Holder | null,
    request: AuthRequest,
    now: number
  ): AuthOutcome | Promise<AuthOutcome> {
    const { jwt } = auth.plan
    if (jwt === null || token === null) {
      return holder === null ? missing(auth, 'no credential is presented') : identityOf(holder)
    }
    const outcome = this.#tokens.verify(token, jwt, request.clientKey, now)
    return outcome instanceof Promise
      ? outcome.then((settled) => this.#conclude(auth, token, settled, holder, request, now))
      : this.#conclude(auth, token, outcome, holder, request, now)
  }

  /** Whatever the token says must be proved of its holder is asked of each request, a cached token's too. */
  #conclude(
    auth: PreparedAuth,
    token: string,
    outcome: TokenOutcome,
    holder: Holder | null,
    request: AuthRequest,
    now: number
  ): AuthOutcome | Promise<AuthOutcome> {
    const dpop = auth.bearerIsToken && usesDpop(request.headers)
    if (!outcome.ok) return refusal(auth, outcome, dpop)
    const { confirmation } = outcome.proof.facts
    const required = auth.plan.jwt?.bound === 'required'
    if (confirmation === null && !dpop && !required) return join(auth, outcome, holder)
    const tells = dpop || confirmation?.jkt !== null
    const proven = provePossession(token, { confirmation, dpop, required }, request, this.#proofs, now)
    if (!(proven instanceof Promise)) {
      return proven === null ? join(auth, outcome, holder) : refusal(auth, proven, tells)
    }
    return proven.then((settled) => (settled === null ? join(auth, outcome, holder) : refusal(auth, settled, tells)))
  }
}

interface Slower {
  readonly token: string | null
  readonly basic: BasicCredential | null
  readonly signature: PresentedSignature | null
}

/** One more good credential: the first stands, if they are of one consumer. */
function joined(auth: PreparedAuth, before: Holder | null, found: Holder | RefusedToken): Holder | AuthRefusal {
  if ('ok' in found) return refusal(auth, found)
  if (before !== null && before.consumer !== found.consumer) return invalid(auth, DIFFERENT)
  return before ?? found
}

const DIFFERENT = 'the credentials name different consumers'

/** A good token, and whatever good credential came beside it. */
function join(auth: PreparedAuth, token: VerifiedToken, holder: Holder | null): AuthOutcome {
  if (holder === null) return token
  return identityOfBoth(token.proof, token.standing.kid, holder) ?? invalid(auth, DIFFERENT)
}

/** `dpop`: the caller is one that should know of DPoP's challenge. */
function refusal(auth: PreparedAuth, { code, reason, account }: RefusedToken, dpop = false): AuthRefusal {
  const headers = code !== 'bad-credential' ? RETRY : dpop ? auth.unproven : auth.invalid
  return { ok: false, code, reason, headers, ...(account === undefined ? {} : { account }) }
}

function guest(plan: AuthPlan, directory: CallerDirectory): Identity | null {
  if (plan.anonymous === null) return null
  const consumer = directory.byName(plan.anonymous)
  if (consumer === undefined) throw new Error(`${plan.where}: the anonymous consumer ${plan.anonymous} does not exist`)
  return identityOfGuest(consumer)
}

/**
 * RFC 9110 section 11.6.1 wants a challenge with every 401. Bearer carries an error code only when something was
 * presented (RFC 6750 section 3.1). API keys have no registered scheme; `ApiKey` is the one `Authorization` takes
 * here. Nor have signatures, and client certificates, which no header carries. A realm would only name the product or the
 * inside. A token's challenge that says what was wrong with it would tell a forger which step he has reached.
 */
function challenges(plan: AuthPlan, ...tokens: string[]): readonly string[] {
  const list: string[] = []
  if (plan.jwt !== null) for (const challenge of tokens) list.push('www-authenticate', challenge)
  if (plan.key !== null) list.push('www-authenticate', 'ApiKey')
  if (plan.certificate) list.push('www-authenticate', 'ClientCertificate')
  // RFC 7617 section 2 can't do without a realm; this one names nothing.
  if (plan.signature) list.push('www-authenticate', 'Signature')
  if (plan.basic) list.push('www-authenticate', 'Basic realm="api", charset="UTF-8"')
  return Object.freeze(list)
}

/** RFC 9449 section 7.1. */
const DPOP = `DPoP algs="${DPOP_ALGORITHMS}"`

/** Both causes of a 503 here pass within moments: a queue drains, a provider answers. */
const RETRY: readonly string[] = Object.freeze(['retry-after', '1'])

function missing(auth: PreparedAuth, reason: string): AuthRefusal {
  return { ok: false, code: 'no-credential', reason, headers: auth.missing }
}

function invalid(auth: PreparedAuth, reason: string): AuthRefusal {
  return { ok: false, code: 'bad-credential', reason, headers: auth.invalid }
}

/** Refused like a key that nobody has: who found it is not told that it was laid out. */
function canary(auth: PreparedAuth, { consumer, plan }: KeyHolder): AuthRefusal {
  const refusal = invalid(auth, `key ${plan.id} of ${consumer.name} is a canary`)
  return { ...refusal, canary: { id: plan.id, where: plan.where } }
}

function isBad(found: Found | object): found is BadCredential {
  return typeof found === 'object' && found !== null && 'reason' in found
}

function isHolder(found: Holder | BadCredential): found is Holder {
  return 'consumer' in found
}
