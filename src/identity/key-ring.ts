/** The keys that one issuer's tokens may be verified with, as a worker holds them. */
import type { KeySet, VerificationKey } from '../plan/keys.ts'

/** Longest wait of a token for a key that its issuer may have published a moment ago, ms. */
const ARRIVAL_WAIT = 1000
/**
 * Such waits begin at most so often in any so many ms, which is how often the control thread fetches a set for them:
 * past that a kid that nobody knows is refused at once. Spread evenly instead, the second of two quick rotations would
 * find good tokens refused.
 */
const ARRIVALS = 3
const ARRIVALS_WINDOW = 30_000

export class KeyRing {
  /** Of the set held; 0: none came yet. */
  version = 0
  #keys: readonly VerificationKey[] = []
  #byKid = new Map<string, VerificationKey[]>()
  /** A single key is configured rather than published: its tokens need not name it. */
  #single = false
  /** When the last ARRIVALS waits began, the oldest first. */
  readonly #begun: number[] = Array.from({ length: ARRIVALS }, () => -Infinity)
  #arrived: Promise<void> | null = null
  #announce: (() => void) | null = null

  /** The ring of a consumer that signs with one key. */
  static of(key: VerificationKey): KeyRing {
    const ring = new KeyRing()
    ring.version = 1
    ring.#keys = [key]
    ring.#single = true
    return ring
  }

  /** None came yet, or a source that was changed has none: nothing can be said of any token. */
  get empty(): boolean {
    return this.#keys.length === 0
  }

  /** Takes a set as it comes by message, whole. An older one than the one held is ignored. */
  replace(set: KeySet): void {
    if (set.version < this.version) return
    this.version = set.version
    this.#keys = set.keys
    this.#byKid = new Map()
    for (const key of set.keys) {
      if (key.kid === null) continue
      const same = this.#byKid.get(key.kid)
      if (same === undefined) this.#byKid.set(key.kid, [key])
      else same.push(key)
    }
    this.#announce?.()
  }

  /** Whether a token with this kid (null: without) can be of a key held here. */
  knows(kid: string | null): boolean {
    return kid === null || this.#single || this.#byKid.has(kid)
  }

  /** Whether this very key is held. */
  holds(key: VerificationKey): boolean {
    return this.#keys.some((other) => other.id === key.id && Buffer.compare(other.material, key.material) === 0)
  }

  /** With a kid, exactly the keys of that name; without, every key that may do the algorithm. */
  find(alg: string, kid: string | null): readonly VerificationKey[] {
    const keys = kid === null || this.#single ? this.#keys : (this.#byKid.get(kid) ?? [])
    return keys.filter((key) => key.algorithms.includes(alg))
  }

  /** Whether a token with an unknown kid should wait for the next set rather than be refused. */
  mayArrive(now: number): boolean {
    return this.#arrived !== null || now - (this.#begun[0] ?? 0) >= ARRIVALS_WINDOW
  }

  /** Resolves when a set comes, or at the end of the time that the first who waits begins. */
  arrival(now: number): Promise<void> {
    if (this.#arrived !== null) return this.#arrived
    this.#begun.shift()
    this.#begun.push(now)
    this.#arrived = new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#arrived = null
        this.#announce = null
        resolve()
      }
      const timer = setTimeout(done, ARRIVAL_WAIT)
      this.#announce = done
    })
    return this.#arrived
  }
}
