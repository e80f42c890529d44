/**
 * What a token's claims must say (RFC 7519 section 4.1, RFC 8725) and what is read out of them. Compiled once per
 * issuer and generation; read once per token. Only two things are left for each later use of a verified token: the
 * clock, and the audiences of the route.
 */
import type { Claims } from './token.ts'
import type { IssuerPlan } from '../plan/issuer.ts'

/** A claim's place: one literal name, or the steps of a JSON Pointer (RFC 6901). */
export type ClaimPath = readonly string[]

/** `name` is literal, dots and all; with a leading `/` it is a JSON Pointer. */
export function compileClaim(name: string): ClaimPath {
  if (!name.startsWith('/')) return [name]
  return name
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** The claim's value, or undefined. Own members and list items only: nothing inherited is a claim. */
export function claimAt(claims: Claims, path: ClaimPath): unknown {
  let at: unknown = claims
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined
    // `length` is an own property of lists, and no claim.
    if (Array.isArray(at) && step === 'length') return undefined
    at = (at as Record<string, unknown>)[step]
  }
  return at
}

export interface ClaimsPolicy {
  /** Exact `iss`. */
  readonly issuer: string
  readonly audiences: readonly string[] | 'any'
  /** As `normaliseType` gives it; null: any that isn't for another purpose. */
  readonly typ: string | null
  readonly required: readonly { readonly name: string; readonly path: ClaimPath }[]
  readonly equal: readonly { readonly name: string; readonly path: ClaimPath; readonly value: unknown }[]
  /** ms */
  readonly clockSkew: number
  /** ms, or null. */
  readonly maxAge: number | null
  readonly scopes: readonly ClaimPath[]
  readonly groups: readonly ClaimPath[]
  readonly consumer: ClaimPath | null
  readonly attributes: readonly { readonly name: string; readonly path: ClaimPath }[]
}

export function compilePolicy(plan: IssuerPlan): ClaimsPolicy {
  return {
    issuer: plan.issuer,
    audiences: plan.audiences,
    typ: plan.typ === null ? null : normaliseType(plan.typ),
    required: plan.required.map((name) => ({ name, path: compileClaim(name) })),
    equal: Object.entries(plan.equal).map(([name, value]) => ({ name, path: compileClaim(name), value })),
    clockSkew: plan.clockSkew,
    maxAge: plan.maxAge,
    scopes: plan.scopesClaim.map(compileClaim),
    groups: plan.groupsClaim.map(compileClaim),
    consumer: plan.consumerClaim === null ? null : compileClaim(plan.consumerClaim),
    attributes: Object.entries(plan.attributes).map(([name, claim]) => ({ name, path: compileClaim(claim) }))
  }
}

/** What a token says of itself, once it said it as the policy asks. Times are ms since the epoch. */
export interface TokenFacts {
  readonly ok: true
  readonly subject: string
  readonly audiences: readonly string[]
  /** Whether it has an `exp`. */
  readonly expires: boolean
  /** Good from here on (inclusive) … */
  readonly from: number
  /** … to here (exclusive); Infinity without exp and maxAge. Clock skew is counted in. */
  readonly until: number
  /** Null: the issuer names no scopes claim, or the token lacks it. Empty: it has it and grants none. */
  readonly scopes: readonly string[] | null
  readonly groups: readonly string[]
  /** Value of the consumer claim, '' when none. */
  readonly consumerId: string
  readonly attributes: Readonly<Record<string, unknown>>
  /** What its holder must prove; null: nothing, whoever has it may use it. */
  readonly confirmation: Confirmation | null
}

/** Thumbprints in `cnf` (RFC 7800): of a DPoP key (RFC 9449 section 6), of a client certificate (RFC 8705 section 3.1). */
export interface Confirmation {
  readonly jkt: string | null
  readonly x5t: string | null
}

export interface BadClaims {
  readonly ok: false
  readonly reason: string
}

/** Reads the claims under `policy`: all but the clock and the audience, which differ from use to use. */
export function readClaims(claims: Claims, typ: string | null, policy: ClaimsPolicy): TokenFacts | BadClaims {
  const wrongType = typeComplaint(typ, policy.typ)
  if (wrongType !== null) return bad(wrongType)
  if (claims.iss !== policy.issuer) return bad('iss is not the issuer')
  const { sub, jti, aud, exp, nbf, iat, cnf } = claims
  if (sub !== undefined && typeof sub !== 'string') return bad('sub is not a string')
  if (jti !== undefined && typeof jti !== 'string') return bad('jti is not a string')
  const audiences = aud === undefined ? [] : stringList(aud)
  if (audiences === null) return bad('aud is neither a string nor a list of strings')
  if (!isDateOrAbsent(exp)) return bad('exp is not a time')
  if (!isDateOrAbsent(nbf)) return bad('nbf is not a time')
  if (!isDateOrAbsent(iat)) return bad('iat is not a time')
  const confirmation = cnf === undefined ? null : readConfirmation(cnf)
  if (confirmation === undefined) return bad('cnf names neither a DPoP key nor a client certificate')
  if (policy.maxAge !== null && iat === undefined) return bad('the issuer has a maxAge and the token no iat')
  for (const { name, path } of policy.required) {
    if (claimAt(claims, path) === undefined) return bad(`the required claim ${name} is missing`)
  }
  for (const { name, path, value } of policy.equal) {
    if (claimAt(claims, path) !== value) return bad(`the claim ${name} does not have the value asked for`)
  }

  const scopes = policy.scopes.length === 0 ? null : collect(claims, policy.scopes, spaceSeparated)
  if (scopes === undefined) return bad('the scopes claim is neither a string nor a list of strings')
  const groups = collect(claims, policy.groups, stringList)
  if (groups === undefined) return bad('the groups claim is neither a string nor a list of strings')
  const consumerId = policy.consumer === null ? undefined : claimAt(claims, policy.consumer)

  const skew = policy.clockSkew
  return {
    ok: true,
    subject: sub ?? '',
    audiences,
    expires: exp !== undefined,
    // A token from the future is not good yet: its issuer's clock, or its maker, can't be trusted.
    from: Math.max(nbf ?? 0, iat ?? 0) * 1000 - skew,
    until: Math.min(
      exp === undefined ? Infinity : exp * 1000 + skew,
      policy.maxAge === null || iat === undefined ? Infinity : iat * 1000 + policy.maxAge + skew
    ),
    scopes,
    groups: groups ?? NONE,
    consumerId: typeof consumerId === 'string' ? consumerId : '',
    // fromEntries defines members, where assignment would let a name such as __proto__ do something else.
    attributes: Object.freeze(
      Object.fromEntries(
        policy.attributes
          .map(({ name, path }) => [name, claimAt(claims, path)] as const)
          .filter(([, value]) => value !== undefined && value !== null)
      )
    ),
    confirmation
  }
}

/**
 * Undefined: it asks for a proof that is not understood here. Other members beside one that is are ignored, as RFC 7800
 * section 3.1 says.
 */
function readConfirmation(cnf: unknown): Confirmation | undefined {
  if (typeof cnf !== 'object' || cnf === null) return undefined
  const { jkt, 'x5t#S256': x5t } = cnf as Record<string, unknown>
  if (jkt === undefined && x5t === undefined) return undefined
  if ((jkt !== undefined && typeof jkt !== 'string') || (x5t !== undefined && typeof x5t !== 'string')) return undefined
  return Object.freeze({ jkt: jkt ?? null, x5t: x5t ?? null })
}

/** Null: the clock allows it. */
export function timeComplaint(facts: TokenFacts, now: number): string | null {
  if (now >= facts.until) return "the token has expired (exp, or the issuer's maxAge)"
  if (now < facts.from) return 'the token is not valid yet (nbf or iat lies in the future)'
  return null
}

/** `override`: the route's audiences, which replace the issuer's. Null: one of them is in the token, or none is asked. */
export function audienceComplaint(
  facts: TokenFacts,
  policy: ClaimsPolicy,
  override: readonly string[] | 'any' | null
): string | null {
  const allowed = override ?? policy.audiences
  if (allowed === 'any') return null
  for (const audience of facts.audiences) if (allowed.includes(audience)) return null
  return facts.audiences.length === 0 ? 'the token has no aud' : 'the token is for another audience'
}

/** A media type for comparison: lower-case, without the `application/` that RFC 7515 section 4.1.9 lets go. */
export function normaliseType(typ: string): string {
  const lower = typ.toLowerCase()
  return lower.startsWith('application/') && lower.indexOf('/', 12) < 0 ? lower.slice(12) : lower
}

/**
 * Where no type is asked for, a token that is explicitly typed as something other than an access token (`logout+jwt`,
 * `secevent+jwt`, `dpop+jwt`) is still not one: that is what explicit typing is for (RFC 8725 section 3.11).
 */
function typeComplaint(typ: string | null, wanted: string | null): string | null {
  const found = typ === null ? null : normaliseType(typ)
  if (wanted !== null) return found === wanted ? null : `typ is not ${wanted}`
  return found !== null && found.endsWith('+jwt') && found !== 'at+jwt' ? 'typ says it is no access token' : null
}

const NONE: readonly string[] = Object.freeze([])

/** JSON has 1e400 (Infinity once parsed) and numbers too large to count seconds with; neither is a time. */
function isDateOrAbsent(value: unknown): value is number | undefined {
  return value === undefined || (typeof value === 'number' && value >= 0 && value < Number.MAX_SAFE_INTEGER)
}

/** All values of some claims as one list without repeats. Null: none of them is there; undefined: one has another form. */
function collect(
  claims: Claims,
  paths: readonly ClaimPath[],
  read: (value: unknown) => readonly string[] | null
): readonly string[] | null | undefined {
  let all: Set<string> | null = null
  for (const path of paths) {
    const value = claimAt(claims, path)
    if (value === undefined) continue
    const items = value === null ? NONE : read(value)
    if (items === null) return undefined
    all ??= new Set()
    for (const item of items) if (item !== '') all.add(item)
  }
  return all === null ? null : Object.freeze([...all])
}

function stringList(value: unknown): readonly string[] | null {
  if (typeof value === 'string') return [value]
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : null
}

/** RFC 6749 section 3.3 writes scopes in one string, parted by spaces; many issuers send a list. */
function spaceSeparated(value: unknown): readonly string[] | null {
  return typeof value === 'string' ? value.split(' ') : stringList(value)
}

function bad(reason: string): BadClaims {
  return { ok: false, reason }
}
