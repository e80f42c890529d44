import type { Exchange } from './exchange.ts'
import type { Pipelining } from './pipelining.ts'
import { withinShare } from './share.ts'
import type { Target } from './target.ts'
import { NEVER, type Ticker } from './ticker.ts'

/**
 * A connection to a target, or the place of one that is opened when it is needed. Carries one exchange at a time, or
 * as many as it says it has room for.
 */
export interface Carrier<E> {
  /** Client of the exchange that it is occupied with; '' for none, and for the gateway's own. */
  readonly holder: string
  /** Tick at which `onDue` is called; NEVER for none. */
  readonly dueAt: number
  /** Whether an exchange can start at once, on a connection that is open. */
  readonly warm: boolean
  /**
   * How many such exchanges may be sent behind those under way; 0: none, or it carries none. Infinity: it goes out in
   * a write that is about to happen anyway. Asked only of a pool that pipelines.
   */
  room(exchange: E): number
  onDue(): void
  /**
   * Starts an exchange. The carrier tells its pool when it is free again (`release`), has room again (`relieve`), or
   * is gone (`remove`).
   */
  carry(exchange: E): void
  /** Closes an idle carrier. */
  close(): void
}

/**
 * Exchanges that may wait for a connection of one target. Past that, 503 at once is kinder than a place in a line that
 * is never reached.
 */
export const MAX_WAITING = 1024

/**
 * The connections to one target, at most `max`. The one used last is used next, so that few stay busy and the rest
 * pass their idle limit. When all are busy, exchanges wait in line, up to MAX_WAITING and no longer than a connection
 * may take to open: to the caller both are the same wait.
 *
 * A client is as slow as it likes with a body, and so holds a connection for as long: connections and places in line are
 * had by share (share.ts). Who has his share waits although connections are free, and those behind him in line, if they
 * have not, do not wait for him. Nothing is counted while connections are not scarce, and then by looking: what each holds
 * stands on the carriers. A place behind another exchange, where an upstream pipelines, is nobody's share.
 */
export class Pool<E extends Exchange> {
  readonly target: Target
  readonly ticker: Ticker
  readonly pipelining: Pipelining
  readonly #max: number
  readonly #waitLimit: number
  readonly #open: (pool: Pool<E>) => Carrier<E>
  readonly #carriers: Carrier<E>[] = []
  readonly #idle: Carrier<E>[] = []
  readonly #waiting: E[] = []
  /** The one that was given an exchange last, of a pool that pipelines. */
  #last: Carrier<E> | undefined
  #onClosed: (() => void) | null = null

  /** `waitLimit` in ms. */
  constructor(
    target: Target,
    ticker: Ticker,
    pipelining: Pipelining,
    max: number,
    waitLimit: number,
    open: (pool: Pool<E>) => Carrier<E>
  ) {
    this.target = target
    this.ticker = ticker
    this.pipelining = pipelining
    this.#max = max
    this.#waitLimit = waitLimit
    this.#open = open
  }

  submit(exchange: E): void {
    this.ticker.start()
    const entitled = this.#isEntitled(exchange)
    // Who waits was not entitled to a free one. Without one nobody overtakes him: he waits for that, and a connection on
    // which others find room may never become free.
    if (entitled || this.#waiting.length === 0) {
      const carrier = this.#choose(exchange, entitled)
      if (carrier !== undefined) return carrier.carry(exchange)
      if (entitled) return this.#openFor(exchange)
    }
    const full = this.#lineIsFull(exchange)
    if (full !== null) return exchange.fail('overload', full)
    exchange.waitsUntil = this.ticker.after(this.#waitLimit)
    this.#waiting.push(exchange)
  }

  /** The exchange no longer wants a connection. False: it wasn't waiting for one. */
  cancel(exchange: E): boolean {
    const i = this.#waiting.indexOf(exchange)
    if (i >= 0) this.#waiting.splice(i, 1)
    return i >= 0
  }

  /** The carrier has finished all it carried and can take another exchange. */
  release(carrier: Carrier<E>): void {
    this.#idle.push(carrier)
    if (this.#waiting.length > 0) this.#serve()
    if (this.#onClosed !== null && drop(this.#idle, carrier)) {
      this.remove(carrier, NOTHING)
      carrier.close()
    }
  }

  /** The carrier has finished one of several exchanges. */
  relieve(carrier: Carrier<E>): void {
    if (this.pipelining.depth === 1) return
    for (let next = this.#waiting[0]; next !== undefined && carrier.room(next) > 0; next = this.#waiting[0]) {
      this.#waiting.shift()
      carrier.carry(next)
    }
  }

  /** The carrier is gone, idle or not, and could not answer `exchanges`, in their order. Idempotent. */
  remove(carrier: Carrier<E>, exchanges: readonly E[]): void {
    if (!drop(this.#carriers, carrier)) return
    drop(this.#idle, carrier)
    if (this.#last === carrier) this.#last = undefined
    const [first] = exchanges
    // One for the one that is gone: whoever had his share has it still.
    if (first !== undefined) this.#openFor(first)
    this.again(exchanges.slice(1))
  }

  /**
   * Takes back exchanges from a carrier that can't answer them. They go before anything that waits: each over a new
   * connection as far as its client may have one and there may be more, else over the first that comes free.
   */
  again(exchanges: readonly E[]): void {
    for (let i = exchanges.length - 1; i >= 0; i--) {
      const exchange = exchanges[i]
      if (exchange === undefined) continue
      exchange.displaced = true
      // The line is in the order in which its waits end.
      exchange.waitsUntil = this.#waiting[0]?.waitsUntil ?? this.ticker.after(this.#waitLimit)
      this.#waiting.unshift(exchange)
    }
    this.#serve()
    if (this.#carriers.length === 0) this.#onClosed?.()
  }

  /** Looks at the deadlines. False: there is none left to look at. */
  tick(now: number): boolean {
    for (let i = this.#carriers.length - 1; i >= 0; i--) {
      const carrier = this.#carriers[i]
      if (carrier !== undefined && carrier.dueAt <= now) carrier.onDue()
    }
    // All wait equally long, so the first in line is the first to give up.
    for (let first = this.#waiting[0]; first !== undefined && first.waitsUntil <= now; first = this.#waiting[0]) {
      this.#waiting.shift()
      first.fail('overload', this.#whyNone(first))
    }
    if (this.#waiting.length > 0 || this.#carriers.length > this.#idle.length) return true
    return this.#idle.some((carrier) => carrier.dueAt !== NEVER)
  }

  /** Lets what is under way or waiting finish, closes the rest, then resolves. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#onClosed = resolve
      for (const carrier of this.#idle.splice(0)) {
        drop(this.#carriers, carrier)
        carrier.close()
      }
      if (this.#carriers.length === 0) resolve()
    })
  }

  /** Connections that nobody uses, opened or not. */
  get #free(): number {
    return this.#max - this.#carriers.length + this.#idle.length
  }

  /** Whether there is a free connection for it: then its client has not had its share. */
  #isEntitled(exchange: E): boolean {
    const free = this.#free
    // One client holds no more than all of them do: mostly that settles it.
    if (withinShare(this.#max - free, free)) return true
    if (free === 0) return false
    return exchange.client === '' || withinShare(this.#heldBy(exchange.client), free)
  }

  #heldBy(client: string): number {
    let held = 0
    for (const carrier of this.#carriers) if (carrier.holder === client) held++
    return held
  }

  /** Gives connections that are free to those in line who are entitled to them. */
  #serve(): void {
    for (let next = this.#firstEntitled(); next !== undefined; next = this.#firstEntitled()) {
      // An idle connection may die of the same as that which could not answer it.
      const opens = next.displaced && this.#carriers.length < this.#max
      const carrier = opens ? undefined : this.#takeIdle()
      if (carrier === undefined) this.#openFor(next)
      else {
        carrier.carry(next)
        this.relieve(carrier)
      }
    }
  }

  /** Takes the first out of the line that is entitled to a connection. */
  #firstEntitled(): E | undefined {
    if (this.#free === 0) return undefined
    // A client that waits for much is looked at once.
    let having: Set<string> | null = null
    for (let i = 0; i < this.#waiting.length; i++) {
      const exchange = this.#waiting[i]
      if (exchange === undefined || having?.has(exchange.client)) continue
      if (this.#isEntitled(exchange)) {
        this.#waiting.splice(i, 1)
        return exchange
      }
      having ??= new Set()
      having.add(exchange.client)
    }
    return undefined
  }

  /** Why it may not even wait, or null. */
  #lineIsFull({ client }: E): string | null {
    const left = MAX_WAITING - this.#waiting.length
    if (left === 0) return `all ${this.#max} connections are busy and ${MAX_WAITING} requests wait for one`
    if (client === '' || withinShare(this.#waiting.length, left)) return null
    let waiting = 0
    for (const exchange of this.#waiting) if (exchange.client === client) waiting++
    if (withinShare(waiting, left)) return null
    return `${waiting} requests of its client wait for one of ${this.#max} connections, which is its share of the line`
  }

  #whyNone({ client }: E): string {
    const free = this.#free
    if (free === 0) return `none of ${this.#max} connections came free within ${this.#waitLimit} ms`
    return `its client has its share of ${this.#max} connections, ${this.#heldBy(client)}, and gave none back within ${this.#waitLimit} ms`
  }

  /**
   * An idle one, for who is entitled to it; else, of those that may be sent more, one that writes anyway, or the one with the
   * most room.
   */
  #choose(exchange: E, entitled: boolean): Carrier<E> | undefined {
    if (this.pipelining.depth === 1) return entitled ? this.#takeIdle() : undefined
    // What one turn of the event loop brings leaves in few writes: they are most of what a request costs.
    if (this.#last?.room(exchange) === Infinity) return this.#last
    this.#last = (entitled ? this.#takeIdle() : undefined) ?? this.#roomiest(exchange)
    return this.#last
  }

  #roomiest(exchange: E): Carrier<E> | undefined {
    let best: Carrier<E> | undefined
    let most = 0
    for (const carrier of this.#carriers) {
      const room = carrier.room(exchange)
      if (room <= most) continue
      best = carrier
      most = room
    }
    return best
  }

  #openFor(exchange: E): void {
    const carrier = this.#open(this)
    this.#carriers.push(carrier)
    carrier.carry(exchange)
  }

  /** The carrier used last, but an open connection before a place where one would have to be opened. */
  #takeIdle(): Carrier<E> | undefined {
    for (let i = this.#idle.length - 1; i >= 0; i--) {
      const carrier = this.#idle[i]
      if (carrier?.warm !== true) continue
      // The last one nearly always: pop costs nothing, splice makes an array.
      if (i === this.#idle.length - 1) this.#idle.pop()
      else this.#idle.splice(i, 1)
      return carrier
    }
    return this.#idle.pop()
  }
}

const NOTHING: readonly never[] = []

/** Removes `item` from the unordered `list`. */
function drop<T>(list: T[], item: T): boolean {
  const i = list.indexOf(item)
  if (i < 0) return false
  list.splice(i, 1)
  return true
}
