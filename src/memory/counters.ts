/**
 * The gateway's own counts: a closed list, one column per thread.
 *
 * 32-bit integers and Atomics.add on the thread's own cache lines, never contended. Integers, because
 * JavaScript lets a racing Float64 read tear; 32 bits, because 64 would cost a BigInt per count. They wrap at 2^32:
 * the control thread adds up differences modulo 2^32, which is right as long as it looks more often than a counter
 * can go round (over 7 minutes at 10,000,000 a second). The sum over columns is no snapshot of one moment, and need
 * not be: each column only grows, so the totals only grow.
 */

/** Append only within a release: the place in this list is the place in memory. */
export const COUNTER_NAMES = [
  /** Exchanges that ended, recorded or not. */
  'requests',
  /** Refusals left out of the access records because the ring was above three quarters full. */
  'refusalsNotRecorded',
  /** Access records lost because the ring was full. */
  'recordsDropped',
  /** Signatures that were really verified. */
  'tokenVerifications',
  /** JWTs answered from the cache, and not: new, malformed, of a key that was withdrawn, or no JWTs at all. */
  'verifyCacheHits',
  'verifyCacheMisses',
  /** Tokens that had to make room for others in it. */
  'verifyCacheEvictions',
  /** Tokens refused because the queue for verification was full, or the client had too many in it. */
  'verifyQueueRefusals',
  /** Questions to issuers about opaque tokens, and those of them that got no usable answer. */
  'introspections',
  'introspectionFailures',
  /** Clients' connections. */
  'connectionsOpened',
  'connectionsClosed',
  /** Header fields dropped for an underscore in their name. */
  'underscoreHeadersDropped',
  /** Requests refused while their key had no slot in the limits' tables, and all others over a limit. */
  'limitTableFull',
  'limitRefusals',
  /** Connections opened to upstreams. */
  'upstreamConnects',
  /** Exchanges that went out once more, over another connection: see UpstreamCounts. */
  'upstreamRetries',
  /** Exceptions in a stage, each of which cost its request a 500. */
  'stageExceptions',
  /** Exceptions that reached a callback's wrapper outside any request. */
  'callbackExceptions',
  'workerRestarts',
  'reloads',
  'reloadFailures',
  /** Bans made by detection, of addresses, networks and callers; and addresses limited instead. */
  'bans',
  'addressesLimited',
  /** Events left out of detection because no slot was free. */
  'eventTableFull',
  /** Questions sent to the services of `external` policies. */
  'externalChecks',
  /** Decisions reused, or shared with an equal question under way. */
  'externalCacheHits',
  /** Questions that no decision came of. */
  'externalFailures',
  /** Requests let pass without a decision, because of `onFailure: open`. */
  'externalFailedOpen',
  /** Connections closed because their client had as many as it may, and because it opened them too fast. */
  'connectionsOverMax',
  'connectionsOverRate',
  /** Connections let in uncounted because no slot was free for their client. */
  'connectionTableFull',
  /** Strict limits' questions to the store of the cluster, and those that got no answer in time. */
  'strictDecisions',
  'strictFailures',
  /** Admissions that the other hosts were not told of, because they came faster than they could be read. */
  'clusterAdmissionsLost',
  /** Exchanges with the store, keys in them, and exchanges that failed. */
  'clusterExchanges',
  'clusterKeys',
  'clusterFailures',
  /** Bans and revocations taken over from other hosts. */
  'clusterReceived',
  /** Requests turned away while a worker was overloaded, by what they were worth. */
  'strangersShed',
  'newcomersShed',
  'callersShed'
] as const

export type CounterName = (typeof COUNTER_NAMES)[number]

/** Index of each counter: `counters.add(COUNTER.requests, 1)`. */
export const COUNTER = Object.freeze(Object.fromEntries(COUNTER_NAMES.map((name, i) => [name, i]))) as {
  readonly [N in CounterName]: number
}

/** Whole cache lines per column, so that no two threads write to one. */
const INTS_PER_LINE = 16
const STRIDE = Math.ceil(COUNTER_NAMES.length / INTS_PER_LINE) * INTS_PER_LINE
const THREADS_BESIDE_WORKERS = 2

/** Who counts: a worker's index, or the main or control thread, whose columns come after the workers'. */
export type Counting = number | 'main' | 'control'

interface CounterMemory {
  readonly counters: SharedArrayBuffer
  readonly workers: number
}

export function bytesOfCounters(workers: number): number {
  return (workers + THREADS_BESIDE_WORKERS) * STRIDE * Int32Array.BYTES_PER_ELEMENT
}

/** One thread's column. A replaced worker's successor goes on where it ended. */
export class Counters {
  readonly #words: Int32Array
  readonly #base: number

  constructor(memory: CounterMemory, who: Counting) {
    this.#words = new Int32Array(memory.counters)
    this.#base = (who === 'main' ? memory.workers : who === 'control' ? memory.workers + 1 : who) * STRIDE
  }

  /** @param n 0 to 2^31-1 */
  add(counter: number, n = 1): void {
    Atomics.add(this.#words, this.#base + counter, n)
  }
}

/** The control thread's view: totals that only grow. Needs an `update` every few minutes at least. */
export class CounterReader {
  readonly #words: Int32Array
  readonly #seen: Int32Array
  /** Per column and counter; 2^53 is enough for centuries. */
  readonly #totals: Float64Array
  readonly #columns: number

  constructor(memory: CounterMemory) {
    this.#words = new Int32Array(memory.counters)
    this.#seen = new Int32Array(this.#words.length)
    this.#totals = new Float64Array(this.#words.length)
    this.#columns = memory.workers + THREADS_BESIDE_WORKERS
  }

  update(): void {
    for (let i = 0; i < this.#words.length; i++) {
      const now = Atomics.load(this.#words, i)
      this.#totals[i] = (this.#totals[i] ?? 0) + ((now - (this.#seen[i] ?? 0)) >>> 0)
      this.#seen[i] = now
    }
  }

  /** Over all threads, as of the last `update`. */
  total(counter: number): number {
    let sum = 0
    for (let column = 0; column < this.#columns; column++) sum += this.#totals[column * STRIDE + counter] ?? 0
    return sum
  }

  /** Of one worker, as of the last `update`. */
  of(worker: number, counter: number): number {
    return this.#totals[worker * STRIDE + counter] ?? 0
  }
}
