/**
 * The gateway's own signing keys, for the tokens that services are told who called with. Made here, kept in
 * `state.dir/token-keys.json` (0600), rotated by themselves: a new public key is published `notice` before it signs,
 * so that services that keep the set for that long know it in time; an old one stays published until every token that
 * it signed is over.
 */
import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Jwk } from '../identity/jose.ts'
import type { SigningKey } from '../messages.ts'
import type { TokenAlgorithm } from '../plan/identity.ts'
import type { PlanBody } from '../plan/plan.ts'
import { json, type Resource } from './admin/resource.ts'
import { writePrivate } from './compile/private-file.ts'

const NAME = 'token-keys.json'
/** Longest `ttl` there is, and a minute for clocks that differ, ms. */
const OVERLAP = 3_600_000 + 60_000
/** A clock that is set is noticed within this time, ms. */
const LONGEST_SLEEP = 60_000
const RETRY = 5_000

interface OwnKey {
  kid: string
  alg: TokenAlgorithm
  /** ms since the epoch. */
  signsFrom: number
  publicJwk: Jwk
  privateJwk: Jwk
}

export interface SigningKeysOptions {
  stateDir: string
  /** How long a key signs, and how long it is known before, ms. */
  lifetime: number
  notice: number
  onKeys(keys: SigningKey[]): void
  onNote(level: 'info' | 'warn' | 'error', text: string): void
  /** ms since the epoch. */
  now?: () => number
}

export class SigningKeys {
  readonly #options: SigningKeysOptions
  readonly #now: () => number
  /** Of one algorithm in the order in which they sign. */
  #keys: OwnKey[] = []
  #algorithms: readonly TokenAlgorithm[] = []
  #read = false
  #timer: NodeJS.Timeout | undefined
  #turn: Promise<void> = Promise.resolve()

  constructor(options: SigningKeysOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  /** Resolves when there is a key for every token that `plan` asks for. Rejects when one can't be kept. */
  prepare(plan: Pick<PlanBody, 'routes'>): Promise<void> {
    const wanted = new Set(plan.routes.flatMap(({ identity }) => identity.token?.algorithm ?? []))
    return this.#enqueue(async () => {
      if (wanted.size === 0 && !this.#read) return
      this.#algorithms = [...wanted]
      await this.#advance()
    })
  }

  /** Makes what is due, forgets what is over, tells the workers. For `prepare` and the timer; a test's clock calls it. */
  advance(): Promise<void> {
    return this.#enqueue(() => this.#advance())
  }

  /** Public halves of every key that signs, will sign or has tokens that still hold (RFC 7517 section 5). */
  jwks(): { keys: Jwk[] } {
    return { keys: this.#keys.map(({ publicJwk }) => publicJwk) }
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => {})
    return done
  }

  async #advance(): Promise<void> {
    clearTimeout(this.#timer)
    if (!this.#read) {
      this.#keys = this.#load()
      this.#read = true
    }
    const now = this.#now()
    let next = this.#keys.filter((key) => !this.#isOver(key, now))
    for (const alg of this.#algorithms) {
      const signsFrom = this.#due(next, alg, now)
      if (signsFrom === null) continue
      // Loaded when there is a key to make: no other start has to wait for its modules.
      const { generateKeys } = await import('../identity/jose.ts')
      const { publicJwk, privateJwk } = await generateKeys(alg)
      const kid = String(publicJwk['kid'])
      next = [...next, { kid, alg, signsFrom, publicJwk, privateJwk }]
      this.#options.onNote('info', `made a key for ${alg} tokens, ${kid}: it signs from ${iso(signsFrom)}`)
    }
    if (next.length !== this.#keys.length || next.some((key, i) => key !== this.#keys[i])) {
      writePrivate(this.#options.stateDir, join(this.#options.stateDir, NAME), `${JSON.stringify({ keys: next })}\n`)
      this.#keys = next
    }
    this.#options.onKeys(this.#keys.map(asSigningKey))
    this.#sleep(now)
  }

  /** When a new key of `alg` is to sign from; null: none is due. */
  #due(keys: readonly OwnKey[], alg: TokenAlgorithm, now: number): number | null {
    const { lifetime, notice } = this.#options
    const last = keys.findLast((key) => key.alg === alg)
    if (last === undefined) return now
    if (last.signsFrom > now || now < last.signsFrom + lifetime - notice) return null
    return Math.max(last.signsFrom + lifetime, now + notice)
  }

  /** Its successor has signed for so long that none of its tokens holds any more. */
  #isOver(key: OwnKey, now: number): boolean {
    const successor = this.#keys.find(({ alg, signsFrom }) => alg === key.alg && signsFrom > key.signsFrom)
    return successor !== undefined && now > successor.signsFrom + OVERLAP
  }

  #sleep(now: number): void {
    if (this.#algorithms.length === 0) return
    const { lifetime, notice } = this.#options
    const next = this.#algorithms.map((alg) => {
      const last = this.#keys.findLast((key) => key.alg === alg)
      return (last?.signsFrom ?? now) + lifetime - notice - now
    })
    const wait = Math.min(LONGEST_SLEEP, Math.max(100, Math.min(...next)))
    this.#timer = setTimeout(() => void this.#again(), wait).unref()
  }

  async #again(): Promise<void> {
    try {
      await this.advance()
    } catch (error) {
      this.#options.onNote('error', `the signing keys can't be rotated: ${String(error)}; the present ones go on`)
      this.#timer = setTimeout(() => void this.#again(), RETRY).unref()
    }
  }

  /** A file that can't be read costs services a look at the new set, and nothing else: new keys are made. */
  #load(): OwnKey[] {
    const file = join(this.#options.stateDir, NAME)
    let text: string
    try {
      text = readFileSync(file, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.#options.onNote('warn', `${file} can't be read, so new signing keys are made: ${String(error)}`)
      return []
    }
    const keys = parse(text)
    if (keys === null) this.#options.onNote('warn', `${file} is damaged, so new signing keys are made`)
    return keys ?? []
  }
}

/** The set for services. Public keys: no credential is asked for. */
export function jwksResource(keys: SigningKeys): Resource {
  return {
    path: '/.well-known/gatehouse/jwks.json',
    open: true,
    operations: { GET: { run: () => json(200, keys.jwks()) } }
  }
}

function asSigningKey({ kid, alg, signsFrom, privateJwk }: OwnKey): SigningKey {
  const key = createPrivateKey({ key: privateJwk, format: 'jwk' })
  return { kid, alg, signsFrom, pkcs8: key.export({ format: 'der', type: 'pkcs8' }) }
}

function parse(text: string): OwnKey[] | null {
  try {
    const { keys } = JSON.parse(text) as { keys: OwnKey[] }
    for (const key of keys) {
      if (!Number.isFinite(key.signsFrom) || key.publicJwk['d'] !== undefined || key.kid !== key.publicJwk['kid'])
        return null
      if (key.alg !== 'EdDSA' && key.alg !== 'ES256') return null
      asSigningKey(key)
    }
    return keys
  } catch {
    return null
  }
}

function iso(time: number): string {
  return new Date(time).toISOString()
}
