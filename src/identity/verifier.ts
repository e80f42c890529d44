/**
 * A worker's judgement on bearer tokens. A token seen before is one Map lookup, a few comparisons and the outcome
 * object that is already there; a new one goes to the verification threads, once, however many requests carry it.
 */
import { admits, Authorities } from './authority.ts'
import { timeComplaint } from './claims.ts'
import { CallerDirectory } from './directory.ts'
import { Introspector, isOpaque } from './introspection.ts'
import { KeyRing } from './key-ring.ts'
import { tailOf, TokenTable } from './token-table.ts'
import { parseJws, parsePayload } from './token.ts'
import { judge, refused, stillHolds, useComplaint } from './verdict.ts'
import { VerifyCache } from './verify-cache.ts'
import { WaitingRoom, type Doorkeeper } from './waiting.ts'
import { wallMs } from '../memory/clock.ts'
import type { Authority } from './authority.ts'
import type { TokenInquiry } from './introspection.ts'
import type { SignatureVerifier } from './pool.ts'
import type { Jws } from './token.ts'
import type { RefusedToken, TokenOutcome, Verdict, VerifiedToken } from './verdict.ts'
import type { JwtAuthPlan } from '../plan/auth.ts'
import type { IssuerPlan } from '../plan/issuer.ts'
import type { KeySet } from '../plan/keys.ts'

export interface VerifierOptions {
  readonly signatures: SignatureVerifier
  /** Absent or null: nobody is asked about opaque tokens, and none can be judged. */
  readonly inquiry?: TokenInquiry | null
  /** Bytes of verified tokens to remember (GATEHOUSE_VERIFY_CACHE_SIZE), and as many of answers about opaque ones. */
  readonly cacheBytes: number
  /** Tokens that may wait for verification (GATEHOUSE_VERIFY_QUEUE), and those of one client (…_PER_CLIENT). */
  readonly queue: number
  readonly perClient: number
  /** A token names a key that its issuer's set of this version lacks, or there is none yet (0): a fetch is worth while. */
  readonly onUnknownKid: (issuer: string, version: number) => void
  /** Absent: only full queues turn tokens away. */
  readonly doorkeeper?: Doorkeeper
  /** ms since the epoch; for tests. */
  readonly clock?: () => number
}

/** A token under way. */
interface Pending {
  readonly token: string
  readonly tail: number
  next: Pending | null
  readonly work: Promise<Verdict | RefusedToken>
}

/** Keys tried for a token without kid; more would let each such token cost as many verifications. */
const MAX_KEYS_TRIED = 4
/**
 * What an entry holds beyond its token's text: a fixed part and the parsed claims by the token's length. 10,000 tokens
 * of 570-1,260 characters took 1,550-2,200 bytes each beyond their text on Node 22; the rest is room for the memo, and
 * for claims of which each token has other ones.
 */
const ENTRY_BYTES = 1536
const CLAIMS_BYTES_PER_CHARACTER = 1.5
/** Entries looked at in one step after a new generation; a step takes well under a millisecond. */
const SWEEP = 2000

export class TokenVerifier {
  readonly #options: VerifierOptions
  readonly #clock: () => number
  readonly #cache: VerifyCache<Verdict>
  readonly #waiting: WaitingRoom
  /** For tokens that are no JWTs. */
  readonly opaque: Introspector
  /** Cold tokens under way. */
  readonly #pending = new TokenTable<Pending>()
  /** By issuer name. */
  readonly #rings = new Map<string, KeyRing>()
  #authorities = new Authorities(0, [], new CallerDirectory(), () => new KeyRing())
  /** Answered from the cache, and not; sent to the threads; turned away because too many waited. */
  hits = 0
  misses = 0
  cold = 0
  overloads = 0

  constructor(options: VerifierOptions) {
    this.#options = options
    this.#clock = options.clock ?? wallMs
    this.#cache = new VerifyCache(options.cacheBytes)
    this.#waiting = new WaitingRoom(options.queue, options.perClient, 'tokens', options.doorkeeper)
    this.opaque = new Introspector({ ...options, inquiry: options.inquiry ?? null, clock: this.#clock })
  }

  get cached(): { tokens: number; bytes: number } {
    return { tokens: this.#cache.size, bytes: this.#cache.bytes }
  }

  /** Tokens that had to make room for others in the cache. */
  get evicted(): number {
    return this.#cache.evicted
  }

  get waiting(): number {
    return this.#waiting.total
  }

  /** Share of the places for tokens that wait which is taken, 0 to 1. */
  get waitingFill(): number {
    return this.#waiting.fill
  }

  /**
   * Takes over a generation; `directory` was filled before. What is cached stays, and is read anew under the new
   * configuration at its next use: a reload costs no signature.
   */
  configure(generation: number, issuers: readonly IssuerPlan[], directory: CallerDirectory): void {
    this.#authorities = new Authorities(generation, issuers, directory, (issuer) => this.#ring(issuer))
    const names = new Set(issuers.map((plan) => plan.name))
    for (const name of this.#rings.keys()) if (!names.has(name)) this.#rings.delete(name)
    this.#sweep(this.#cache.values(), generation)
  }

  /** An issuer's keys; they may come before the generation that names it. */
  setKeys(set: KeySet): void {
    this.#ring(set.issuer).replace(set)
  }

  /**
   * `accept` is the route's; `clientKey` the client's address as limits count it; `now` ms since the epoch. Answers at
   * once for a token seen before or refused by its looks; a promise, which never rejects, means cryptography.
   */
  verify(token: string, accept: JwtAuthPlan, clientKey: string, now: number): TokenOutcome | Promise<TokenOutcome> {
    const verdict = this.#cache.get(token)
    if (verdict !== undefined) {
      const outcome = this.#reuse(token, verdict, accept, now)
      if (outcome !== null) {
        this.hits++
        return outcome
      }
    }
    this.misses++
    return this.#cold(token, accept, clientKey, now)
  }

  /** Null: the verdict no longer says anything, and the token is to be verified as if it were new. */
  #reuse(token: string, verdict: Verdict, accept: JwtAuthPlan, now: number): TokenOutcome | null {
    const { authority, outcome } = verdict
    if (authority.generation !== this.#authorities.generation) return this.#reread(verdict, accept, now)
    if (authority.keys.version !== verdict.keyVersion) return null
    if (verdict.acceptedBy !== accept) {
      if (!admits(accept, authority)) return null
      const complaint = useComplaint(outcome.proof, authority.policy, accept)
      if (complaint !== null) return refused(complaint)
      verdict.acceptedBy = accept
    }
    const { facts } = outcome.proof
    if (now < facts.until && now >= facts.from) return outcome
    if (now >= facts.until) this.#cache.delete(token)
    return refused(timeComplaint(facts, now) ?? 'the token is not valid now')
  }

  /** A verdict of another generation: the signature still holds if its key does; all else is judged anew. */
  #reread(verdict: Verdict, accept: JwtAuthPlan, now: number): TokenOutcome | null {
    const { claims } = verdict.outcome.proof
    const authority = this.#authorities.find(claims, accept)
    if (authority === null || authority.issuer !== verdict.authority.issuer || !stillHolds(verdict, authority)) {
      return null
    }
    const read = judge(authority, this.#authorities.directory, claims, verdict.typ, accept, now)
    if (!read.ok) return read
    read.standing.kid = verdict.key.kid ?? ''
    verdict.authority = authority
    verdict.outcome = read
    verdict.acceptedBy = accept
    return read
  }

  #cold(token: string, accept: JwtAuthPlan, clientKey: string, now: number): TokenOutcome | Promise<TokenOutcome> {
    const asked = this.#authorities.asked(accept)
    if (asked !== null && isOpaque(token)) {
      return this.opaque.verify(token, this.#authorities, asked, accept, clientKey, now)
    }
    const tail = tailOf(token)
    const pending = this.#pending.find(tail)
    if (pending?.token === token) return this.#settle(token, pending.work, accept, clientKey)

    const jws = parseJws(token)
    if (!jws.ok) return refused(jws.reason)
    const payload = parsePayload(jws)
    if (!payload.ok) return refused(payload.reason)
    const authority = this.#authorities.find(payload.claims, accept)
    if (authority === null) return refused('iss is nobody that this route takes tokens from')
    if (!authority.algorithms.includes(jws.alg)) return refused(`${jws.alg} is not among the issuer's algorithms`)
    // Everything that costs no cryptography comes before it.
    const read = judge(authority, this.#authorities.directory, payload.claims, jws.typ, accept, now)
    if (!read.ok) return read
    const hopeless = this.#keysComplaint(authority, jws, now)
    if (hopeless !== null) return hopeless

    const full = this.#waiting.enter(clientKey)
    if (full !== null) {
      this.overloads++
      return { ok: false, code: 'verify-overload', reason: full }
    }
    // Of two that end alike and differ, which takes intent, only the first is joined by those that come after.
    const work = this.#verifyOnce(token, jws, authority, read).finally(() => {
      this.#waiting.leave(clientKey)
      if (mine !== null) this.#pending.remove(mine)
    })
    const mine: Pending | null = pending === null ? { token, tail, next: null, work } : null
    if (mine !== null) this.#pending.add(mine)
    return this.#settle(token, work, accept, clientKey)
  }

  /** Null: there are keys to try, or one may be about to come. */
  #keysComplaint({ keys, issuer }: Authority, { alg, kid }: Jws, now: number): RefusedToken | null {
    if (keys.empty) {
      this.#options.onUnknownKid(issuer, keys.version)
      return { ok: false, code: 'keys-unavailable', reason: `there are no keys of ${issuer} yet` }
    }
    if (!keys.knows(kid)) {
      this.#options.onUnknownKid(issuer, keys.version)
      return keys.mayArrive(now) ? null : refused('kid names no key of the issuer')
    }
    const fit = keys.find(alg, kid).length
    if (fit === 0) return refused(`no key of the issuer fits ${alg}`)
    return fit > MAX_KEYS_TRIED ? refused(`${fit} keys fit, and the token does not name one`) : null
  }

  /** Each request that waited for a token judges it by its own route's plan, at the time it is answered. */
  async #settle(
    token: string,
    pending: Promise<Verdict | RefusedToken>,
    accept: JwtAuthPlan,
    clientKey: string
  ): Promise<TokenOutcome> {
    const verdict = await pending
    if ('ok' in verdict) return verdict
    const now = this.#clock()
    return this.#reuse(token, verdict, accept, now) ?? this.#cold(token, accept, clientKey, now)
  }

  async #verifyOnce(
    token: string,
    jws: Jws,
    authority: Authority,
    read: VerifiedToken
  ): Promise<Verdict | RefusedToken> {
    const { keys: ring } = authority
    const { alg, kid, typ } = jws
    // An issuer's new key shows in its tokens before it shows here; the set that was just asked for may bring it.
    if (!ring.knows(kid)) await ring.arrival(this.#clock())
    const keys = ring.find(alg, kid)
    if (keys.length === 0 || keys.length > MAX_KEYS_TRIED) return refused('kid names no key of the issuer')
    this.cold++
    const key = await this.#options.signatures.verify({ token, alg, keys })
    if (key instanceof Error) {
      return { ok: false, code: 'verify-overload', reason: `the verification failed: ${key.message}` }
    }
    const { consumer, issuer, subject } = read.caller
    // Consumer names hold no space, so the two kinds of account can't be mistaken for each other.
    const account = consumer === '' ? `${issuer} ${subject}` : consumer
    if (key === null) return { ...refused('the signature is not by a key of the issuer'), account }
    // The set may have changed meanwhile: a key that was withdrawn proves nothing any more.
    if (!ring.holds(key)) return refused('the key was withdrawn while the token was verified')
    read.standing.kid = key.kid ?? ''
    const verdict: Verdict = { alg, typ, key, keyVersion: ring.version, authority, outcome: read, acceptedBy: null }
    this.#cache.set(token, verdict, account, ENTRY_BYTES + token.length * (1 + CLAIMS_BYTES_PER_CHARACTER))
    return verdict
  }

  #ring(issuer: string): KeyRing {
    let ring = this.#rings.get(issuer)
    if (ring === undefined) this.#rings.set(issuer, (ring = new KeyRing()))
    return ring
  }

  /** Idle tokens would keep the rules of generations gone by in memory, through their memos. */
  #sweep(verdicts: Iterator<Verdict>, generation: number): void {
    for (let n = 0; n < SWEEP; n++) {
      const { done, value } = verdicts.next()
      if (done === true) return
      if (value.authority.generation !== generation) value.outcome.memo.clear()
    }
    setImmediate(() => {
      if (this.#authorities.generation === generation) this.#sweep(verdicts, generation)
    })
  }
}
