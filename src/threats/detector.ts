/**
 * Counts what requests came to, per scenario and key, and says when it is too much. All counts are rates in one shared
 * table (memory/limit-table.ts), so they are exact over all threads, bounded, and cost nothing to forget:
 *
 * - a scenario's bucket is a rate of `count` in `period`: the event that the rate refuses is the one too many;
 * - that something was seen before is a rate of one in `period` under the pair of key and thing. So a thing counts once
 *   in a period, however often it comes: a client that repeats one bad token for hours makes one event a minute, and
 *   the bucket leaks faster than that.
 *
 * A distinct count is therefore exact but for a collision of 62-bit keyed hashes, and for a table with no slot free in
 * a key's window: then an event that only the table's sketch would refuse isn't counted. The table is not the limits': who fills it blinds detection for a
 * minute and takes no slot from a limit.
 */
import type { Bucket, Evidence } from '../ban.ts'
import { scaleOf, withScale } from '../memory/debt-sketch.ts'
import { KeyHash, type Domain } from '../memory/hash.ts'
import { LimitTable, newRate, newVerdict, type Rate } from '../memory/limit-table.ts'
import { monotonicNs } from '../memory/clock.ts'
import { COUNTER, type Counters } from '../memory/counters.ts'
import type { SharedMemory } from '../memory/shared.ts'
import type { ScenarioPlan } from '../plan/threats.ts'
import { EvidenceRing } from './evidence.ts'
import { tagOfName } from './tag.ts'

/** A scenario as a worker counts it; made once per generation. Its buckets outlive generations: they go by its name. */
export interface Scenario {
  readonly plan: ScenarioPlan
  readonly tag: number
  readonly bucket: Domain
  readonly seen: Domain
  readonly rate: Rate
  readonly once: Rate
  /** Of both rates, which take one period to refill. */
  readonly scale: number
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
/** So many identities that succeeded from one address within half an hour make it a crowd, for an hour at least. */
const CROWD = 3
/** ms after which an identity that goes on is worth counting again. */
export const CROWD_PERIOD = 30 * MINUTE
const IN_A_CROWD = newRate(1, HOUR, 2)
const NOT_IN_A_CROWD = newRate(1, HOUR, 1)
/** So many addresses of one network banned within an hour, and the network is. */
export const NETWORK = 16
/** What an address gets that is limited instead of banned. */
const TRICKLE = newRate(10, 1000, 20)

export class Detector {
  readonly #hash: KeyHash
  readonly #table: LimitTable
  readonly #verdict = newVerdict()
  readonly #evidence = new EvidenceRing()
  readonly #counters: Counters
  readonly #clock: () => bigint
  readonly #crowd: Watch
  readonly #crowdMark: Domain
  readonly #network: Watch
  readonly #trickle: Domain
  #lo = 0
  #hi = 0

  /** @param clock ns, monotonic; for tests */
  constructor(memory: SharedMemory, counters: Counters, clock: () => bigint = monotonicNs) {
    this.#hash = new KeyHash(memory.seed)
    this.#table = new LimitTable(memory.events, memory.eventSlots, clock)
    this.#counters = counters
    this.#clock = clock
    // The bucket leaks as fast as two identities that go on for ever fill it.
    this.#crowd = this.#watch('crowd', newRate(CROWD - 1, CROWD_PERIOD, CROWD - 1), newRate(1, CROWD_PERIOD, 1))
    this.#crowdMark = this.#hash.domain('crowd')
    this.#network = this.#watch('network', newRate(NETWORK - 1, 2 * HOUR, NETWORK - 1), newRate(1, 2 * HOUR, 1))
    this.#trickle = this.#hash.domain('limited')
  }

  prepare(plan: ScenarioPlan): Scenario {
    const { count, period } = plan.rate
    return {
      plan,
      tag: tagOfName(plan.name),
      ...this.#watch(`scenario ${plan.name}`, newRate(count, period, count), newRate(1, period, 1))
    }
  }

  /**
   * Counts one event.
   * @param item what has to differ for it to count; null: each counts
   * @returns whether it is one too many
   */
  count(scenario: Scenario, key: string, item: string | null, request: Evidence): boolean {
    const over = this.#take(scenario, key, item)
    if (over !== null) this.#evidence.add(this.#lo, this.#hi, request)
    return over === true
  }

  bucketOf(scenario: Scenario, key: string): Bucket {
    this.#hash.of(key, scenario.bucket)
    return { lo: this.#hash.lo, hi: withScale(this.#hash.hi, scenario.scale) }
  }

  /** The last events of a bucket that counted, as far as this thread saw them. */
  evidence(bucket: Bucket): Evidence[] {
    return this.#evidence.of(bucket)
  }

  /** Somebody who proved who they are got through from an address: to be told again after CROWD_PERIOD. */
  succeeded(address: string, identity: string): void {
    if (this.#take(this.#crowd, address, identity) !== true) return
    const { lo, hi } = this.#marked(address)
    this.#table.take(lo, hi, IN_A_CROWD, this.#clock(), this.#verdict)
  }

  /**
   * Whether several identities have succeeded from an address of late. What only the sketch says may be another's mark:
   * who fills the table would be limited instead of banned. A crowd's own mark owes more than nearly all and has a slot.
   */
  isCrowd(address: string): boolean {
    const { lo, hi } = this.#marked(address)
    this.#table.peek(lo, hi, NOT_IN_A_CROWD, this.#clock(), this.#verdict)
    return !this.#verdict.admitted && !this.#verdict.full
  }

  /** Counts an address of a network that was banned. @returns whether the network is to be */
  addressBanned(network: string, address: string): boolean {
    return this.#take(this.#network, network, address) === true
  }

  /** One more request of an address that is limited. */
  trickles(address: string): boolean {
    this.#hash.of(address, this.#trickle)
    const hi = withScale(this.#hash.hi, scaleOf(TRICKLE.capacityNs))
    this.#table.take(this.#hash.lo || 1, hi, TRICKLE, this.#clock(), this.#verdict)
    return this.#verdict.admitted
  }

  /** Share of the slots in use, 0 to 1. */
  fill(): number {
    return this.#table.fill(this.#clock())
  }

  /** Where it stands that an address is a crowd's. */
  #marked(address: string): { lo: number; hi: number } {
    this.#hash.of(address, this.#crowdMark)
    return { lo: this.#hash.lo || 1, hi: withScale(this.#hash.hi, scaleOf(IN_A_CROWD.capacityNs)) }
  }

  #watch(name: string, rate: Rate, once: Rate): Watch {
    const scale = scaleOf(rate.capacityNs)
    return { bucket: this.#hash.domain(`${name} bucket`), seen: this.#hash.domain(`${name} seen`), rate, once, scale }
  }

  /** null: not counted, seen before or no room; else whether it overflows the bucket. */
  #take(watch: Watch, key: string, item: string | null): boolean | null {
    const hash = this.#hash
    const verdict = this.#verdict
    const now = this.#clock()
    hash.of(key, watch.bucket)
    const { lo } = hash
    const hi = withScale(hash.hi, watch.scale)
    if (item !== null) {
      hash.of(item, watch.seen)
      // The pair's place from the two hashes: joining the texts would allocate a third.
      hash.ofWords(lo, hi, hash.lo, hash.hi, watch.seen)
      this.#table.take(hash.lo || 1, withScale(hash.hi, watch.scale), watch.once, now, verdict)
      if (!verdict.admitted) return this.#uncounted()
    }
    this.#table.take(lo || 1, hi, watch.rate, now, verdict)
    this.#lo = lo
    this.#hi = hi
    if (verdict.full) return this.#uncounted()
    return !verdict.admitted
  }

  #uncounted(): null {
    if (this.#verdict.full) this.#counters.add(COUNTER.eventTableFull)
    return null
  }
}

/** Things counted apart under a key. */
type Watch = Pick<Scenario, 'bucket' | 'seen' | 'rate' | 'once' | 'scale'>
