/**
 * Connections of one client: how many are open at once and how fast they come, exact over all threads. The worker asks
 * when a connection arrives, before its TLS handshake, so the caps hold for handshakes too.
 *
 * A client's place is a hash over where the cap is written and the client: counts outlive reloads, and listeners that
 * inherit one cap share them. Counts at once have a table of their own: a flood of addresses can fill it, but takes no
 * slot from limits. A client that finds no slot there is let in and not counted, since the other way a flood from many
 * addresses would lock everybody out; how often that was is counted.
 */
import { BUSY, ConcurrencyTable, NO_ROOM } from '../memory/concurrency.ts'
import { COUNTER, type Counters } from '../memory/counters.ts'
import { monotonicNs } from '../memory/clock.ts'
import { scaleOf, withScale } from '../memory/debt-sketch.ts'
import { KeyHash, type Domain } from '../memory/hash.ts'
import { LimitTable, newRate, newVerdict, type Rate, type Verdict } from '../memory/limit-table.ts'
import { limitSlots, type SharedMemory } from '../memory/shared.ts'
import type { ConnectionsPlan } from '../plan/listener.ts'

/** Results of `open` that are no place: let in without one, and refused. */
export const UNCOUNTED = -1
export const OVER_MAX = -2
export const OVER_RATE = -3

/** A cap as a worker counts it; made once per generation. */
export interface PreparedConnections {
  readonly plan: ConnectionsPlan
  readonly domain: Domain
  readonly rate: Rate | null
}

/** What one client's refusals may fill the log with, and those of all clients. */
const LINE = newRate(1, 60_000, 1)
const LINES = newRate(1, 1_000, 20)

export class ConnectionLimits {
  readonly #hash: KeyHash
  readonly #open: ConcurrencyTable
  readonly #rates: LimitTable
  readonly #worker: number
  readonly #counters: Counters
  readonly #clock: () => bigint
  readonly #line: Domain
  readonly #lines: Domain
  readonly #verdict: Verdict = newVerdict()

  constructor(memory: SharedMemory, worker: number, counters: Counters, clock: () => bigint = monotonicNs) {
    this.#hash = new KeyHash(memory.seed)
    this.#open = new ConcurrencyTable(memory.connections, memory.connectionSlots, memory.workers)
    this.#rates = new LimitTable(memory.limits.strangers, limitSlots(memory), clock)
    this.#worker = worker
    this.#counters = counters
    this.#clock = clock
    this.#line = this.#hash.domain('connections, log of a client')
    this.#lines = this.#hash.domain('connections, log')
  }

  prepare(plan: ConnectionsPlan): PreparedConnections {
    const { level, rate } = plan
    return {
      plan,
      domain: this.#hash.domain(`connections of ${level}`),
      rate: rate === null ? null : newRate(rate.count, rate.period, rate.count)
    }
  }

  /**
   * A connection arrives. The rate is asked first and charged for each that it admits, whether or not there is a place
   * then: what it bounds is how often a client knocks.
   * @param client as `prefixKey` gives it
   * @returns the place to `close` when it ends; UNCOUNTED: let in, nothing to give back; OVER_MAX, OVER_RATE: refused
   */
  open(connections: PreparedConnections, client: string): number {
    const { domain, rate } = connections
    const { max } = connections.plan
    if (rate !== null && !this.#takes(client, domain, rate)) {
      this.#counters.add(COUNTER.connectionsOverRate)
      return OVER_RATE
    }
    if (max === null) return UNCOUNTED
    this.#hash.of(client, domain)
    const slot = this.#open.acquire(this.#hash.lo, this.#hash.hi, max, this.#worker, 0, true)
    if (slot === BUSY) {
      this.#counters.add(COUNTER.connectionsOverMax)
      return OVER_MAX
    }
    if (slot === NO_ROOM) {
      this.#counters.add(COUNTER.connectionTableFull)
      return UNCOUNTED
    }
    return slot
  }

  /** Ends a connection that `open` gave a place, on the worker that asked. */
  close(slot: number): void {
    this.#open.release(slot, this.#worker)
  }

  /** Whether a refusal of this client is worth a line of the log: once a minute, and of all clients one a second. */
  worthALine(client: string): boolean {
    return this.#takes(client, this.#line, LINE) && this.#takes('', this.#lines, LINES)
  }

  /** Takes back all a worker held: after its thread has ended, before another takes its index. */
  releaseWorker(worker: number): void {
    this.#open.releaseWorker(worker)
  }

  /** Share of the slots in use, 0 to 1. */
  fill(): number {
    return this.#open.fill(0n)
  }

  #takes(key: string, domain: Domain, rate: Rate): boolean {
    this.#hash.of(key, domain)
    const { lo, hi } = this.#hash
    this.#rates.take(lo || 1, withScale(hi, scaleOf(rate.capacityNs)), rate, this.#clock(), this.#verdict)
    return this.#verdict.admitted
  }
}
