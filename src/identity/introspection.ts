/**
 * Tokens that say nothing by themselves: their issuer is asked what they stand for (RFC 7662), and its answer is
 * judged by the very policy that its JWTs are. Who holds a token can use it, so none is kept: answers are found by
 * the token's SHA-256.
 */
import { hash } from 'node:crypto'
import { timeComplaint } from './claims.ts'
import { parseObject } from './json.ts'
import { MAX_TOKEN_LENGTH } from './token.ts'
import { judge, refused, useComplaint } from './verdict.ts'
import { VerifyCache } from './verify-cache.ts'
import { WaitingRoom, type Doorkeeper } from './waiting.ts'
import type { Authorities, Authority } from './authority.ts'
import type { Claims } from './token.ts'
import type { RefusedToken, TokenOutcome } from './verdict.ts'
import type { JwtAuthPlan } from '../plan/auth.ts'
import type { IntrospectionPlan } from '../plan/issuer.ts'

/** Puts the question. Its connections are another room's business. */
export interface TokenInquiry {
  /** Body of the answer, bounded in size, or why there is none. Never rejects; ends within seconds. */
  ask(plan: IntrospectionPlan, token: string): Promise<Uint8Array | Error>
}

export interface IntrospectorOptions {
  /** Null: nobody is asked here, and opaque tokens can't be judged. */
  readonly inquiry: TokenInquiry | null
  /** Bytes of answers to remember. */
  readonly cacheBytes: number
  /** Tokens that may wait for an answer, and those of one client. */
  readonly queue: number
  readonly perClient: number
  readonly doorkeeper?: Doorkeeper
  readonly clock: () => number
}

/** An answer about a token, and what came of the last judgement of it. */
interface Answer {
  /** Null: the token is not active. */
  readonly claims: Claims | null
  /** From here on the issuer is asked again, ms since the epoch. */
  readonly until: number
  authority: Authority
  /** The route's plan that was last found to take it, where the outcome is good. */
  acceptedBy: JwtAuthPlan
  outcome: TokenOutcome
}

/** Longest that "not active" is remembered, ms: against one dead token that is sent again and again. */
const INACTIVE = 10_000
/** What an entry holds, by its answer's bytes: as for a JWT (verifier.ts), whose characters each carry 3/4 of a byte. */
const ENTRY_BYTES = 1536
const CLAIMS_BYTES_PER_BYTE = 2
/** All tokens that are not active share one owner's room in the cache; issuers' names hold no space. */
const NOBODY = ' '

/** Whether a token is to be judged by its issuer: a JWT has three parts, and these are verified here. */
export function isOpaque(token: string): boolean {
  const first = token.indexOf('.')
  const second = first < 0 ? -1 : token.indexOf('.', first + 1)
  return second < 0 || token.indexOf('.', second + 1) >= 0
}

export class Introspector {
  readonly #options: IntrospectorOptions
  readonly #cache: VerifyCache<Answer>
  readonly #waiting: WaitingRoom
  /** Questions under way, by the cache's key. */
  readonly #pending = new Map<string, Promise<Answer | RefusedToken>>()
  /** Questions put; those that got no usable answer; tokens turned away because too many waited. */
  asked = 0
  failed = 0
  overloads = 0

  constructor(options: IntrospectorOptions) {
    this.#options = options
    this.#cache = new VerifyCache(options.cacheBytes)
    this.#waiting = new WaitingRoom(options.queue, options.perClient, 'tokens', options.doorkeeper)
  }

  get cached(): number {
    return this.#cache.size
  }

  get waiting(): number {
    return this.#waiting.total
  }

  /** As the verifier's. */
  get waitingFill(): number {
    return this.#waiting.fill
  }

  /** As TokenVerifier.verify. `authority` is the one of these that the route's opaque tokens are of. */
  verify(
    token: string,
    authorities: Authorities,
    authority: Authority,
    accept: JwtAuthPlan,
    clientKey: string,
    now: number
  ): TokenOutcome | Promise<TokenOutcome> {
    const complaint = shapeComplaint(token)
    if (complaint !== null) return refused(complaint)
    const { issuer, introspection: plan } = authority
    if (plan === null) return refused('the issuer takes no opaque tokens')
    const key = `${issuer} ${hash('sha256', token, 'base64url')}`
    const known = this.#cache.get(key)
    if (known !== undefined) {
      if (now < known.until && sameQuestion(known.authority, authority)) {
        return judged(known, authorities, authority, accept, now)
      }
      this.#cache.delete(key)
    }
    let work = this.#pending.get(key)
    if (work === undefined) {
      const full = this.#waiting.enter(clientKey)
      if (full !== null) {
        this.overloads++
        return { ok: false, code: 'verify-overload', reason: full }
      }
      work = this.#ask(token, key, plan, authorities, authority, accept).finally(() => {
        this.#waiting.leave(clientKey)
        this.#pending.delete(key)
      })
      this.#pending.set(key, work)
    }
    return work.then((answer) =>
      'ok' in answer ? answer : judged(answer, authorities, authority, accept, this.#options.clock())
    )
  }

  async #ask(
    token: string,
    key: string,
    plan: IntrospectionPlan,
    authorities: Authorities,
    authority: Authority,
    accept: JwtAuthPlan
  ): Promise<Answer | RefusedToken> {
    this.asked++
    const body = (await this.#options.inquiry?.ask(plan, token)) ?? new Error('nobody is asked here')
    if (body instanceof Error) return this.#untold(authority, body)
    const read = readAnswer(body, authority.policy.issuer)
    if (read instanceof Error) return this.#untold(authority, read)
    const { claims } = read
    const now = this.#options.clock()
    const outcome = judgeAnswer(claims, authorities, authority, accept, now)
    const limit = claims === null ? Math.min(plan.cache, INACTIVE) : plan.cache
    const until = Math.min(now + limit, outcome.ok ? outcome.proof.facts.until : Infinity)
    const answer: Answer = { claims, until, authority, acceptedBy: accept, outcome }
    if (until > now) {
      this.#cache.set(key, answer, ownerOf(outcome), ENTRY_BYTES + body.length * CLAIMS_BYTES_PER_BYTE)
    }
    return answer
  }

  #untold({ issuer }: Authority, { message }: Error): RefusedToken {
    this.failed++
    return { ok: false, code: 'keys-unavailable', reason: `${issuer} does not tell of its token: ${message}` }
  }
}

/** Within one generation a good token's outcome is one object, whichever of its routes it is for. */
function judged(
  answer: Answer,
  authorities: Authorities,
  authority: Authority,
  accept: JwtAuthPlan,
  now: number
): TokenOutcome {
  const { outcome } = answer
  // What was refused is judged anew each time: another route may take it, and its time may have come.
  if (answer.authority !== authority || !outcome.ok) {
    answer.authority = authority
    answer.acceptedBy = accept
    answer.outcome = judgeAnswer(answer.claims, authorities, authority, accept, now)
    return answer.outcome
  }
  if (answer.acceptedBy !== accept) {
    const complaint = useComplaint(outcome.proof, authority.policy, accept)
    if (complaint !== null) return refused(complaint)
    answer.acceptedBy = accept
  }
  const complaint = timeComplaint(outcome.proof.facts, now)
  return complaint === null ? outcome : refused(complaint)
}

function judgeAnswer(
  claims: Claims | null,
  authorities: Authorities,
  authority: Authority,
  accept: JwtAuthPlan,
  now: number
): TokenOutcome {
  if (claims === null) return refused('the issuer says that the token is not active')
  const { token_type: type } = claims
  // A refresh token is active too; what says of itself that it is for something else is no access token.
  if (type !== undefined && !(typeof type === 'string' && ['bearer', 'dpop'].includes(type.toLowerCase()))) {
    return refused('token_type says it is no access token')
  }
  // An answer has no header: what `typ` asks for is the endpoint's to know.
  return judge(authority, authorities.directory, claims, authority.policy.typ, accept, now)
}

/** What the issuer says, or why that says nothing. `claims` null: the token is not active. */
function readAnswer(body: Uint8Array, issuer: string): { claims: Claims | null } | Error {
  const parsed = parseObject(body, 'answer')
  if (!parsed.ok) return new Error(parsed.reason)
  const { active, ...claims } = parsed.value
  if (typeof active !== 'boolean') return new Error('the answer does not say whether the token is active')
  // `iss` is optional here (RFC 7662 section 2.2): whoever was asked is the issuer.
  return { claims: active ? { iss: issuer, ...claims } : null }
}

/** Whether an answer to one is an answer to the other. */
function sameQuestion(a: Authority, b: Authority): boolean {
  return (
    a === b ||
    (a.introspection?.url === b.introspection?.url && a.introspection?.authorization === b.introspection?.authorization)
  )
}

function ownerOf(outcome: TokenOutcome): string {
  if (!outcome.ok) return NOBODY
  const { consumer, issuer, subject } = outcome.caller
  return consumer === '' ? `${issuer} ${subject}` : consumer
}

/** RFC 6750 section 2.1: what a bearer token is made of. Null: nothing to complain about. */
function shapeComplaint(token: string): string | null {
  if (token.length > MAX_TOKEN_LENGTH) return `the token is longer than ${MAX_TOKEN_LENGTH} characters`
  let end = token.length
  while (end > 0 && token.charCodeAt(end - 1) === 0x3d) end--
  if (end === 0) return 'the token is empty'
  for (let i = 0; i < end; i++)
    if (TOKEN_CHARACTER[token.charCodeAt(i)] !== 1) return 'the token holds what no token does'
  return null
}

const TOKEN_CHARACTER = new Uint8Array(256)
for (const c of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/')
  TOKEN_CHARACTER[c.charCodeAt(0)] = 1
