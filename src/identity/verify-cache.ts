/**
 * Tokens that were verified, per worker, bounded in bytes.
 *
 * The key is the token's text, compared whole; only where to look is found by its last characters (token-table.ts).
 * What must be equal for a verdict to hold is the signing input, the decoded signature, the key and its set, and the
 * issuer's configuration. Only tokens of canonical shape get in (token.ts), and for those the text and the pair
 * (signing input, signature bytes) determine each other, so the one lookup compares the first two; the other spellings
 * of a cached token are other texts, which miss and are refused by their shape. Key set version and generation stand on
 * the entry and are compared at every use (verifier.ts). The twin (r, n-s) of an ECDSA signature is another text and is
 * verified on its own: it proves the same claims, and revocation goes by those.
 *
 * Failures are not kept. A forger changes one character for nothing, so a memory of bad tokens saves work only with
 * polite ones, and it would go on refusing a token whose key arrived a moment later.
 *
 * Who may push whom out is S3-FIFO's answer plus a share per caller:
 * - a new token enters a small probation queue, a tenth of the bytes, and reaches the main queue only when it is used
 *   again before it gets to the end: a flood of tokens used once churns the tenth;
 * - in the main queue a token that was used since its last turn goes round again, so one in use outlives any number
 *   that are not;
 * - a caller that holds more than an eighth of a full cache makes room with its own oldest token: cycling through
 *   thousands of its tokens costs it its own hits.
 * A hit writes one small number and moves nothing.
 */
import { Fifo, link } from './fifo.ts'
import { tailOf, TokenTable } from './token-table.ts'
import type { Link } from './fifo.ts'

/** What an entry carries is the verifier's; the cache only weighs and orders it. */
class Entry<V> {
  readonly token: string
  readonly value: V
  readonly weight: number
  readonly owner: Owner<V>
  /** In the probation or the main queue. */
  readonly place: Link<Entry<V>> = link(this)
  /** Among its owner's. */
  readonly ownPlace: Link<Entry<V>> = link(this)
  main = false
  next: Entry<V> | null = null
  readonly tail: number
  /** Uses since its last turn, at most 3. */
  uses = 0

  constructor(token: string, value: V, weight: number, owner: Owner<V>) {
    this.token = token
    this.tail = tailOf(token)
    this.value = value
    this.weight = weight
    this.owner = owner
  }
}

interface Owner<V> {
  readonly name: string
  bytes: number
  readonly entries: Fifo<Entry<V>>
}

const PROBATION = 0.1
const OWNER_SHARE = 0.125

export class VerifyCache<V> {
  readonly #capacity: number
  /** Of two tokens that end alike, the later one stays. */
  readonly #entries = new TokenTable<Entry<V>>()
  readonly #owners = new Map<string, Owner<V>>()
  readonly #probation = new Fifo<Entry<V>>()
  readonly #main = new Fifo<Entry<V>>()
  #bytes = 0
  #probationBytes = 0
  /** Tokens that had to make room for others, since the start. */
  evicted = 0

  /** `capacity` in bytes, by the weights that `set` is given. */
  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get size(): number {
    return this.#entries.size
  }

  get bytes(): number {
    return this.#bytes
  }

  get(token: string): V | undefined {
    const entry = this.#entries.find(tailOf(token))
    if (entry === null || entry.token !== token) return undefined
    if (entry.uses < 3) entry.uses++
    return entry.value
  }

  /**
   * `owner` is whoever presents it (consumer, or issuer and subject): the unit of the share. `weight` is what it
   * holds in bytes. One that is heavier than the whole cache isn't kept.
   */
  set(token: string, value: V, owner: string, weight: number): void {
    const before = this.#entries.find(tailOf(token))
    if (before !== null) this.#drop(before)
    if (weight > this.#capacity) return
    this.#makeRoom(owner, weight)
    let account = this.#owners.get(owner)
    if (account === undefined) this.#owners.set(owner, (account = { name: owner, bytes: 0, entries: new Fifo() }))
    const entry = new Entry(ownText(token), value, weight, account)
    this.#entries.add(entry)
    this.#probation.push(entry.place)
    account.entries.push(entry.ownPlace)
    account.bytes += weight
    this.#bytes += weight
    this.#probationBytes += weight
  }

  /** Everything kept, as `TokenTable.values` gives it. */
  *values(): Generator<V, undefined> {
    for (const entry of this.#entries.values()) yield entry.value
  }

  delete(token: string): void {
    const entry = this.#entries.find(tailOf(token))
    if (entry !== null && entry.token === token) this.#drop(entry)
  }

  #makeRoom(owner: string, weight: number): void {
    const share = this.#capacity * OWNER_SHARE
    while (this.#bytes + weight > this.#capacity) {
      const account = this.#owners.get(owner)
      const own = account !== undefined && account.bytes + weight > share ? account.entries.first : null
      if (own !== null) this.#evict(own)
      else this.#turn()
    }
  }

  /** One turn of the queues: drops an entry or moves one on. Ends, because every move uses up uses. */
  #turn(): void {
    const newcomer = this.#probation.first
    const oldest = this.#main.first
    if (newcomer !== null && (oldest === null || this.#probationBytes > this.#capacity * PROBATION)) {
      if (newcomer.uses === 0) return this.#evict(newcomer)
      this.#probation.remove(newcomer.place)
      this.#probationBytes -= newcomer.weight
      newcomer.main = true
      newcomer.uses = 0
      this.#main.push(newcomer.place)
    } else if (oldest !== null) {
      if (oldest.uses === 0) return this.#evict(oldest)
      oldest.uses--
      this.#main.remove(oldest.place)
      this.#main.push(oldest.place)
    }
  }

  #evict(entry: Entry<V>): void {
    this.evicted++
    this.#drop(entry)
  }

  #drop(entry: Entry<V>): void {
    this.#entries.remove(entry)
    if (entry.main) this.#main.remove(entry.place)
    else {
      this.#probation.remove(entry.place)
      this.#probationBytes -= entry.weight
    }
    this.#bytes -= entry.weight
    const { owner } = entry
    owner.entries.remove(entry.ownPlace)
    owner.bytes -= entry.weight
    if (owner.entries.first === null) this.#owners.delete(owner.name)
  }
}

/** A copy: V8 cuts a token out of a header as a view that would keep the whole header alive, unweighed. */
function ownText(token: string): string {
  return Buffer.from(token, 'latin1').toString('latin1')
}
