/**
 * Where one issuer's keys come from, and keeping them fresh. Good keys are only ever replaced by good keys: an answer
 * that is no key set, or has no usable key, is an error like no answer at all, and the keys held stay in use.
 */
import { readText } from '../config/read.ts'
import { Discovery } from './discovery.ts'
import { keyFile, readSaved, writeSaved } from './key-file.ts'
import { linesOf, lintKeySet, parseKeySet } from './key-set.ts'
import type { LintedSet } from './key-set.ts'
import type { IssuerPlan, JwksPlan } from '../../plan/issuer.ts'
import type { VerificationKey } from '../../plan/keys.ts'

/** GET of a JSON document. Rejects with an Error for people; `cacheSeconds` is Cache-Control's max-age. */
export type FetchJson = (
  url: string,
  limits: { timeout: number; maxBytes: number }
) => Promise<{ body: string; cacheSeconds: number | null }>

export interface SourceOptions {
  readonly fetchJson: FetchJson
  readonly stateDir: string
  /** ms since the epoch. */
  readonly clock: () => number
  /** Called when the keys differ from those before; not before `begin`. */
  readonly onChange: (source: KeySource) => void
  /** For the owner's log. */
  readonly onNote: (level: 'warn' | 'error', text: string) => void
}

export interface SourceStatus {
  readonly issuer: string
  readonly kind: IssuerPlan['jwks']['kind']
  readonly keys: number
  /** ms since the keys in use were fetched; null: there are none. */
  readonly age: number | null
  /** The keys in use are those of an earlier run: the provider has not answered yet. */
  readonly saved: boolean
  /** The keys in use are older than they should be: of an earlier run, or kept because the last attempt failed. */
  readonly stale: boolean
  /** Of the last attempt; null: it went well. */
  readonly error: string | null
  /** When the next attempt is due, ms since the epoch; null: none is planned. */
  readonly nextAt: number | null
}

const LIMITS = { timeout: 5000, maxBytes: 1 << 20 }
const MINUTE = 60_000
/** Bounds on what a provider may ask by max-age, and what holds when it asks nothing, ms. */
const MIN_REFRESH = 5 * MINUTE
const MAX_REFRESH = 24 * 60 * MINUTE
const DEFAULT_REFRESH = 15 * MINUTE
/** After an error, doubled each time. */
const FIRST_RETRY = 5000
const MAX_RETRY = 5 * MINUTE
/** Fetches that unknown kids may cause: a client can make those up. */
const REFETCHES = 3
const REFETCH_WINDOW = 30_000

export class KeySource {
  readonly plan: IssuerPlan
  keys: readonly VerificationKey[] = []
  /** ms since the epoch; 0: never. */
  fetchedAt = 0
  readonly #options: SourceOptions
  /** Null: the configuration says where the keys are. */
  readonly #discovery: Discovery | null
  #digest = ''
  #saved = false
  #error: string | null = null
  #failures = 0
  #flight: Promise<void> | null = null
  #timer: NodeJS.Timeout | null = null
  #nextAt: number | null = null
  #refetches: number[] = []
  #begun = false
  #closed = false

  constructor(plan: IssuerPlan, options: SourceOptions) {
    this.plan = plan
    this.#options = options
    const { jwks, issuer } = plan
    const { fetchJson, clock } = options
    this.#discovery = jwks.kind === 'discovery' ? new Discovery(issuer, jwks.urls, fetchJson, clock) : null
  }

  /** Whether `plan` takes its keys from the same place in the same way. */
  serves(plan: IssuerPlan): boolean {
    const { jwks, algorithms } = this.plan
    return JSON.stringify([jwks, algorithms]) === JSON.stringify([plan.jwks, plan.algorithms])
  }

  /** The first attempt; the saved set stands in where the provider doesn't answer. Never rejects. */
  async load(): Promise<void> {
    await this.#attempt(false)
    if (this.keys.length === 0) await this.#loadSaved()
  }

  /** From now on changes are announced and refreshes scheduled. */
  begin(): void {
    this.#begun = true
    this.#schedule()
  }

  /** At once, within the bounds on what unknown kids may cause; false: not now. */
  refetch(): boolean {
    if (this.#closed || this.plan.jwks.kind === 'inline') return false
    if (this.#flight !== null) return true
    const now = this.#options.clock()
    this.#refetches = this.#refetches.filter((at) => now - at < REFETCH_WINDOW)
    if (this.#refetches.length >= REFETCHES) return false
    this.#refetches.push(now)
    void this.#attempt(true)
    return true
  }

  /** Reads a file again; others are left to their schedule. */
  async refreshFile(): Promise<void> {
    if (this.plan.jwks.kind === 'file') await this.#attempt(false)
  }

  /** Resolves when no attempt is under way. */
  async settled(): Promise<void> {
    await this.#flight
  }

  status(): SourceStatus {
    return {
      issuer: this.plan.name,
      kind: this.plan.jwks.kind,
      keys: this.keys.length,
      age: this.keys.length === 0 ? null : this.#options.clock() - this.fetchedAt,
      saved: this.#saved,
      stale: this.keys.length > 0 && (this.#saved || this.#failures > 0),
      error: this.#error,
      nextAt: this.#nextAt
    }
  }

  /** Ends the schedule; what is under way is no longer heard. Resolves when it is over. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#flight
  }

  /** One at a time: whoever asks during an attempt waits for that one. `again`: a token caused it. */
  #attempt(again: boolean): Promise<void> {
    this.#flight ??= this.#get(again).finally(() => {
      this.#flight = null
      this.#schedule()
    })
    return this.#flight
  }

  async #get(again: boolean): Promise<void> {
    let lifetime = DEFAULT_REFRESH
    try {
      const { body, linted, cacheSeconds } = await this.#read(again)
      if (this.#closed) return
      if (cacheSeconds !== null) lifetime = Math.min(Math.max(cacheSeconds * 1000, MIN_REFRESH), MAX_REFRESH)
      if (!linted.ok) throw new Error(linted.reason)
      this.#error = null
      this.#failures = 0
      const changed = this.#take(linted, this.#options.clock(), false)
      if (body !== null) await this.#save(body)
      if (changed) this.#announce()
    } catch (error) {
      if (this.#closed) return
      this.#failures++
      this.#discovery?.distrust()
      this.#error = error instanceof Error ? error.message : String(error)
      const standing = this.keys.length > 0 ? 'the keys held stay in use' : 'there are no keys'
      this.#options.onNote('error', `issuer ${this.plan.name}: no new keys: ${this.#error}; ${standing}`)
    }
    this.#nextAt = this.#options.clock() + this.#delay(lifetime)
  }

  /** `body`: what is worth keeping for a cold start, or null. */
  async #read(again: boolean): Promise<{ body: string | null; linted: LintedSet; cacheSeconds: number | null }> {
    const { name, jwks, algorithms } = this.plan
    switch (jwks.kind) {
      case 'inline':
        return { body: null, linted: lintKeySet(name, jwks.keys, algorithms), cacheSeconds: null }
      case 'file':
        return { body: null, linted: parseKeySet(name, textOf(jwks.path), algorithms), cacheSeconds: null }
      case 'url':
        return this.#fetch(jwks.url)
      case 'discovery':
        return this.#fetch((await this.#discovery?.keySetUrl(again)) ?? '')
    }
  }

  async #fetch(url: string): Promise<{ body: string; linted: LintedSet; cacheSeconds: number | null }> {
    const { body, cacheSeconds } = await this.#options.fetchJson(url, LIMITS)
    if (Buffer.byteLength(body) > LIMITS.maxBytes)
      throw new Error(`the key set is larger than ${LIMITS.maxBytes} bytes`)
    const linted = parseKeySet(this.plan.name, body, this.plan.algorithms)
    if (linted.ok) return { body, linted, cacheSeconds }
    // A provider's own document may have named the address. What a query holds may be a secret.
    const { origin, pathname } = new URL(url)
    return { body, linted: { ...linted, reason: `${origin}${pathname}: ${linted.reason}` }, cacheSeconds }
  }

  async #loadSaved(): Promise<void> {
    const { name, jwks, algorithms } = this.plan
    const origin = originOf(jwks)
    if (origin === null) return
    const saved = await readSaved(keyFile(this.#options.stateDir, name))
    if (saved === null || saved.url !== origin) return
    const linted = parseKeySet(name, saved.body, algorithms)
    if (!linted.ok) return
    this.#take(linted, saved.fetchedAt, true)
    this.#options.onNote('warn', `issuer ${name}: using its keys of ${new Date(saved.fetchedAt).toISOString()}`)
  }

  async #save(body: string): Promise<void> {
    const url = originOf(this.plan.jwks)
    if (url === null) return
    try {
      const path = keyFile(this.#options.stateDir, this.plan.name)
      await writeSaved(path, { url, fetchedAt: this.fetchedAt, body })
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      this.#options.onNote('warn', `issuer ${this.plan.name}: its keys can't be saved for a cold start: ${why}`)
    }
  }

  /** True: the keys are others than before. */
  #take(linted: LintedSet & { ok: true }, fetchedAt: number, saved: boolean): boolean {
    this.fetchedAt = fetchedAt
    this.#saved = saved
    const digest = JSON.stringify(linted.keys.map((key) => [key.id, key.kid, key.algorithms]))
    if (digest === this.#digest) return false
    this.#digest = digest
    this.keys = linted.keys
    for (const line of linesOf(linted)) this.#options.onNote('warn', `issuer ${this.plan.name}: ${line}`)
    return true
  }

  #announce(): void {
    if (this.#begun && !this.#closed) this.#options.onChange(this)
  }

  #delay(lifetime: number): number {
    if (this.#failures > 0) return Math.min(FIRST_RETRY * 2 ** Math.min(this.#failures - 1, 10), MAX_RETRY)
    // Up to a tenth early, so that a fleet started at once doesn't ask at once for ever.
    return lifetime * (1 - Math.random() * 0.1)
  }

  #schedule(): void {
    if (!this.#begun || this.#closed || originOf(this.plan.jwks) === null || this.#nextAt === null) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    const wait = Math.max(0, this.#nextAt - this.#options.clock())
    this.#timer = setTimeout(() => void this.#attempt(false), wait)
    this.#timer.unref()
  }
}

/** The address that the configuration gives for keys that are fetched; null for those that are not. */
export function originOf(jwks: JwksPlan): string | null {
  if (jwks.kind === 'url') return jwks.url
  return jwks.kind === 'discovery' ? (jwks.urls[0] ?? null) : null
}

function textOf(path: string): string {
  const content = readText(path, LIMITS.maxBytes)
  if ('fault' in content) throw new Error(`${path} ${content.fault}`)
  return content.text
}
