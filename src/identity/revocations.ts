/**
 * Who was revoked, as a worker holds it. A revocation names what was verified (a token's id, its subject, key or time
 * of issue, a consumer), never a token's text: one token has many spellings.
 *
 * A verified credential remembers the answer to "is it revoked?" together with the number of the set that was asked
 * (its epoch). Any change of the set is a new number, so a request with a cached credential costs one comparison, and
 * the set is asked again only by those that meet a new one.
 */
import type { Caller } from '../caller.ts'
import type { RevocationPlan } from '../plan/revocation.ts'

/** Whether a credential still stands: lives and dies with what is kept of its verification. */
export class Standing {
  readonly caller: Caller
  /** Of the key that verified its token; '' when the key has none, or there is no token. */
  kid = ''
  /** The set that was asked last; 0: none yet. */
  epoch = 0
  revokedBy: RevocationPlan | null = null

  constructor(caller: Caller) {
    this.caller = caller
  }
}

/** Entries of one origin. Each is filed under the narrowest thing it names, so that few are looked at per caller. */
export class RevocationIndex {
  readonly #byId = new Map<string, RevocationPlan>()
  readonly #files: Record<Drawer, Map<string, RevocationPlan[]>> = {
    jti: new Map(),
    subject: new Map(),
    consumer: new Map(),
    kid: new Map(),
    // By nothing narrower than a time of issue: all under one key.
    issuedBefore: new Map()
  }

  static of(entries: readonly RevocationPlan[]): RevocationIndex {
    const index = new RevocationIndex()
    for (const entry of entries) index.add(entry)
    return index
  }

  get size(): number {
    return this.#byId.size
  }

  /** Replaces the one of the same id. */
  add(entry: RevocationPlan): void {
    this.remove(entry.id)
    this.#byId.set(entry.id, entry)
    const { drawer, key } = place(entry)
    const same = this.#files[drawer].get(key)
    if (same === undefined) this.#files[drawer].set(key, [entry])
    else same.push(entry)
  }

  remove(id: string): void {
    const entry = this.#byId.get(id)
    if (entry === undefined) return
    this.#byId.delete(id)
    const { drawer, key } = place(entry)
    const left = (this.#files[drawer].get(key) ?? []).filter((other) => other !== entry)
    if (left.length === 0) this.#files[drawer].delete(key)
    else this.#files[drawer].set(key, left)
  }

  clear(): void {
    this.#byId.clear()
    for (const file of Object.values(this.#files)) file.clear()
  }

  /** The entry that revokes the credential at `now` (ms since the epoch), or null. */
  find(standing: Standing, now: number): RevocationPlan | null {
    const { caller, kid } = standing
    const { jti } = caller.claims
    return (
      this.#search('jti', typeof jti === 'string' ? jti : '', standing, now) ??
      this.#search('subject', caller.subject, standing, now) ??
      this.#search('consumer', caller.consumer, standing, now) ??
      this.#search('kid', kid, standing, now) ??
      this.#search('issuedBefore', ANY, standing, now)
    )
  }

  #search(drawer: Drawer, key: string, standing: Standing, now: number): RevocationPlan | null {
    if (key === '') return null
    for (const entry of this.#files[drawer].get(key) ?? NONE) {
      if (now < entry.until && fits(entry, standing)) return entry
    }
    return null
  }
}

type Drawer = 'jti' | 'subject' | 'consumer' | 'kid' | 'issuedBefore'

const ANY = '*'
const NONE: readonly RevocationPlan[] = []

function place({ jti, subject, consumer, kid }: RevocationPlan): { drawer: Drawer; key: string } {
  if (jti !== null) return { drawer: 'jti', key: jti }
  if (subject !== null) return { drawer: 'subject', key: subject }
  if (consumer !== null) return { drawer: 'consumer', key: consumer }
  if (kid !== null) return { drawer: 'kid', key: kid }
  return { drawer: 'issuedBefore', key: ANY }
}

/** Everything the entry names must be so. */
function fits(entry: RevocationPlan, { caller, kid }: Standing): boolean {
  const { issuer, subject, consumer, claims } = caller
  return (
    (entry.issuer === null || entry.issuer === issuer) &&
    (entry.jti === null || entry.jti === claims.jti) &&
    (entry.subject === null || entry.subject === subject) &&
    (entry.consumer === null || entry.consumer === consumer) &&
    (entry.kid === null || entry.kid === kid) &&
    (entry.issuedBefore === null || issuedBefore(caller, entry.issuedBefore))
  )
}

/** A token that doesn't say when it was made can't claim to be a newer one. Other credentials aren't issued. */
function issuedBefore({ method, claims: { iat } }: Caller, time: number): boolean {
  return method === 'jwt' && (typeof iat !== 'number' || iat * 1000 < time)
}

export class Revocations {
  /** Counts up with every change of the set. */
  epoch = 1
  /** Times the set was asked: once for a credential and epoch. */
  rechecks = 0
  #configured = new RevocationIndex()
  readonly #added = new RevocationIndex()

  /** Those of the configuration that serves from now on. */
  configure(index: RevocationIndex): void {
    if (index.size > 0 || this.#configured.size > 0) this.epoch++
    this.#configured = index
  }

  /** Those that the owner made and took back while the gateway runs. `whole`: `add` is all there are. */
  change(add: readonly RevocationPlan[], remove: readonly string[], whole: boolean): void {
    if (whole) this.#added.clear()
    for (const id of remove) this.#added.remove(id)
    for (const entry of add) this.#added.add(entry)
    this.epoch++
  }

  /** What revokes the credential at `now` (ms since the epoch); null: nothing does. */
  of(standing: Standing, now: number): RevocationPlan | null {
    if (standing.epoch === this.epoch && standing.revokedBy === null) return null
    return this.#ask(standing, now)
  }

  #ask(standing: Standing, now: number): RevocationPlan | null {
    const known = standing.revokedBy
    if (standing.epoch === this.epoch && known !== null && now < known.until) return known
    this.rechecks++
    const found = this.#configured.find(standing, now) ?? this.#added.find(standing, now)
    standing.epoch = this.epoch
    standing.revokedBy = found
    return found
  }
}
