/**
 * Local first: every host decides by its own tables, and what it admitted reaches the others by way of the store, once an
 * interval, all keys in one. What the others admitted is charged to this host's tables, as if it had been admitted here.
 *
 * Of each key in use here the store's count after the last exchange is remembered, so that the next one tells exactly
 * what others have added since. A key that is new here is matched besides: both sides take the larger of what they hold.
 * So is every key after a failure, when nobody knows whether the store has counted what was sent. Of rates and windows
 * nothing is added then: all hosts have counted alone, and what they let in together above the limit is forgiven, or it
 * would be owed for as many windows as there are hosts. Of quotas it is added: those are counted to be paid.
 *
 * Keys are asked about again while the store holds something of them, whether or not this host admits anything, or a
 * client could go from host to host and find each of them ignorant: at every interval while they change, every second
 * otherwise.
 */
import type { Connection } from '../../cluster/connection.ts'
import { EXCHANGE } from '../../cluster/scripts.ts'
import { Limiter, newLimitVerdict, type Limit, type OpenCost } from '../../limits/limiter.ts'
import { amountOf, amountText, groupOf, kindOf, periodOf, storeKeyOf } from '../../limits/shared.ts'
import { AdmissionReader } from '../../memory/admissions.ts'
import { monotonicMs, monotonicNs, wallMs } from '../../memory/clock.ts'
import { COUNTER, Counters } from '../../memory/counters.ts'
import { setClusterHeard, type SharedMemory } from '../../memory/shared.ts'
import type { ClusterPlan } from '../../plan/cluster.ts'
import type { PlanBody } from '../../plan/plan.ts'

/** Keys remembered: those past it are exchanged once and forgotten. */
const MOST_KEYS = 1 << 17
/**
 * Keys of one exchange, and of one script within it: the store does nothing else while a script runs, and a key takes it
 * about as long as a strict decision does (12 to 40 µs, measured on two busy cores).
 */
const MOST_IN_EXCHANGE = 4000
const MOST_IN_SCRIPT = 100
/** Keys looked at for another question, each interval. */
const MOST_LOOKED_AT = 8000
/** ms after which a key that nobody changes is asked about again. */
const QUIET = 1000
/** Longest time that an exchange may take, ms. */
const PATIENCE = 1000
/** Without an exchange for so long, ms, the others are not heard of. */
const SILENCE = 1000

interface Known extends OpenCost {
  /** Its place in what is known: hash, and whether it is identified. */
  readonly id: string
  limit: Limit
  /** Admitted here and not sent yet: ns of a rate's debt, or units. */
  pending: number
  /** The store's count after the last exchange, in its own unit; NaN: to be matched. */
  last: number
  /** ms, monotonic. */
  changedAt: number
  askedAt: number
  /** Whether the store holds something of it. */
  live: boolean
  /** The store was away since it was asked last. */
  doubtful: boolean
}

interface Sent {
  readonly known: Known
  readonly amount: number
  /** What this host held when it was asked to be matched; -1: it wasn't. */
  readonly held: number
}

export interface ExchangeReport {
  /** Keys in use here. */
  keys: number
  /** Of them, those with something to be told. */
  waiting: number
  /** ms that the last exchange took; null before the first. */
  took: number | null
  /** ms since the last one that succeeded; null before the first. */
  age: number | null
}

export class LimitExchange {
  readonly #plan: ClusterPlan
  readonly #memory: SharedMemory
  readonly #connection: Connection
  readonly #limiter: Limiter
  readonly #counters: Counters
  readonly #readers: readonly AdmissionReader[]
  readonly #verdict = newLimitVerdict()
  /** By `Limit.shared`: of the plan that serves, and of the one before. */
  #limits = new Map<number, Limit>()
  #before = new Map<number, Limit>()
  readonly #known = new Map<string, Known>()
  readonly #changed = new Set<Known>()
  #cursor: Iterator<Known> | null = null
  #underWay = false
  #took: number | null = null
  #succeededAt: number | null = null

  constructor(plan: ClusterPlan, memory: SharedMemory, connection: Connection) {
    this.#plan = plan
    this.#memory = memory
    this.#connection = connection
    this.#counters = new Counters(memory, 'control')
    // Its own admissions would go nowhere: it never decides on a request.
    this.#limiter = new Limiter(memory, memory.workers, this.#counters)
    this.#readers = memory.admissions.map((buffer) => new AdmissionReader(buffer))
  }

  /** A generation is about to serve. After the seed has changed, nothing that was known means anything. */
  use(plan: PlanBody, reseeded: boolean): void {
    const limits = new Map<number, Limit>()
    for (const route of plan.routes)
      for (const limit of route.limits) {
        if (limit.cluster === undefined) continue
        const amounts = [limit.amount, ...(limit.tiers ?? []).flatMap(({ amount }) => amount ?? [])]
        for (const amount of amounts) {
          const prepared = this.#limiter.prepare(limit, amount)
          if (kindOf(prepared.counted) !== null) limits.set(prepared.shared, prepared)
        }
      }
    this.#before = this.#limits
    this.#limits = limits
    if (!reseeded) return
    this.#known.clear()
    this.#changed.clear()
  }

  /** Once an interval. Never rejects. */
  async round(): Promise<void> {
    for (const reader of this.#readers) reader.drain(this.#admitted)
    this.#listen()
    if (this.#underWay) return
    if (!this.#connection.up) return
    this.#underWay = true
    const began = monotonicMs()
    try {
      if (!(await this.#exchange(this.#batch(began), began))) return
      this.#succeededAt = monotonicMs()
      this.#took = this.#succeededAt - began
      this.#listen()
    } finally {
      this.#underWay = false
    }
  }

  /** The store was away: nobody knows what it has counted of what was sent last. */
  lost(): void {
    for (const known of this.#known.values()) {
      known.last = Number.NaN
      known.doubtful = true
    }
    setClusterHeard(this.#memory, false)
  }

  report(): ExchangeReport {
    const age = this.#succeededAt === null ? null : monotonicMs() - this.#succeededAt
    return { keys: this.#known.size, waiting: this.#changed.size, took: this.#took, age }
  }

  #listen(): void {
    const heard = this.#succeededAt !== null && monotonicMs() - this.#succeededAt < SILENCE + this.#plan.interval
    setClusterHeard(this.#memory, heard && this.#connection.up)
  }

  #admitted = (lo: number, hi: number, place: number, identified: boolean, units: number): void => {
    const limit = this.#limits.get(place) ?? this.#before.get(place)
    if (limit === undefined) return
    const { counted } = limit
    const id = `${lo} ${hi} ${identified ? 1 : 0}`
    let known = this.#known.get(id)
    if (known === undefined) {
      if (this.#known.size >= MOST_KEYS && !this.#forgetOne()) {
        this.#counters.add(COUNTER.clusterAdmissionsLost)
        return
      }
      known = { id, limit, lo, hi, identified, ...NEW }
      this.#known.set(id, known)
    }
    if (!this.#connection.up) known.doubtful = true
    known.limit = limit
    known.pending += counted.kind === 'rate' ? units * counted.rate.unitNs : units
    known.changedAt = monotonicMs()
    this.#changed.add(known)
  }

  /** Room for another key: the first that has nothing to tell. */
  #forgetOne(): boolean {
    for (const [id, known] of this.#known) {
      if (this.#changed.has(known)) continue
      this.#known.delete(id)
      return true
    }
    return false
  }

  /** What has changed here; and of what hasn't, what may have changed elsewhere. */
  #batch(now: number): Known[] {
    const batch: Known[] = []
    for (const known of this.#changed) {
      if (batch.length >= MOST_IN_EXCHANGE) break
      batch.push(known)
    }
    for (const known of batch) this.#changed.delete(known)
    this.#cursor ??= this.#known.values()
    for (let looked = 0; looked < MOST_LOOKED_AT && batch.length < MOST_IN_EXCHANGE; looked++) {
      const next = this.#cursor.next()
      if (next.done === true) {
        this.#cursor = null
        break
      }
      const known = next.value
      if (this.#changed.has(known) || known.pending > 0 || known.askedAt === now) continue
      if (!known.live) {
        if (now - known.changedAt > QUIET) this.#known.delete(known.id)
      } else if (now - known.changedAt < QUIET || now - known.askedAt >= QUIET) batch.push(known)
    }
    for (const known of batch) known.askedAt = now
    return [...new Set(batch)]
  }

  /** Whether the store answered all of it. */
  async #exchange(batch: readonly Known[], now: number): Promise<boolean> {
    const groups = new Map<number, Known[]>()
    for (const known of batch) {
      // Elsewhere than in a Redis Cluster all keys may go together.
      const group = this.#plan.kind === 'cluster' ? groupOf(known) : 0
      const members = groups.get(group)
      if (members === undefined) groups.set(group, [known])
      else members.push(known)
    }
    const scripts: Promise<boolean>[] = []
    for (const members of groups.values())
      for (let from = 0; from < members.length; from += MOST_IN_SCRIPT)
        scripts.push(this.#send(members.slice(from, from + MOST_IN_SCRIPT), now))
    return (await Promise.all(scripts)).every(Boolean)
  }

  async #send(batch: readonly Known[], now: number): Promise<boolean> {
    const wall = wallMs()
    const keys: string[] = []
    const args: string[] = []
    const sent: Sent[] = []
    for (const known of batch) {
      const { counted } = known.limit
      const held = Number.isNaN(known.last) ? this.#limiter.level(known, monotonicNs(), this.#verdict) : -1
      sent.push({ known, amount: known.pending, held })
      const add = known.doubtful && counted.kind !== 'quota' ? 0 : known.pending
      keys.push(storeKeyOf(this.#plan.prefix, counted, known, wall))
      args.push(
        kindOf(counted) ?? '',
        amountText(counted, add),
        amountText(counted, Math.max(0, held)),
        periodOf(counted, wall)
      )
      known.pending = 0
    }
    try {
      const answer = await this.#connection.run(EXCHANGE, keys, args, PATIENCE)
      const numbers = (answer as unknown[]).map(Number)
      const time = numbers[0] ?? 0
      sent.forEach((one, i) => this.#heard(one, time, numbers.slice(1 + i * 3, 4 + i * 3), now))
      this.#counters.add(COUNTER.clusterExchanges)
      this.#counters.add(COUNTER.clusterKeys, sent.length)
      return true
    } catch {
      this.#counters.add(COUNTER.clusterFailures)
      for (const { known, amount } of sent) {
        known.pending += amount
        known.last = Number.NaN
        known.doubtful = true
        this.#changed.add(known)
      }
      return false
    }
  }

  /** One key's part of the answer. */
  #heard({ known, held }: Sent, time: number, [before = 0, after = 0, level = 0]: number[], now: number): void {
    const { counted, plan } = known.limit
    known.doubtful = false
    // The store itself decides on these: it is only told what was admitted without it.
    if (plan.cluster?.strict === true) return void this.#known.delete(known.id)
    const { last } = known
    const rate = counted.kind === 'rate'
    const forgotten = before < last && (!rate || last > time)
    let more: number
    if (held >= 0) more = amountOf(counted, level) - this.#limiter.level(known, monotonicNs(), this.#verdict)
    else more = amountOf(counted, rate ? before - Math.max(last, time) : forgotten ? before : before - last)
    known.live = level > 0
    known.last = forgotten ? Number.NaN : after
    if (forgotten) {
      // A store that was emptied is told what this host holds.
      known.doubtful = true
      this.#changed.add(known)
    }
    const whole = Math.floor(more)
    if (whole < 1) return
    known.changedAt = now
    this.#limiter.absorb(known, whole, monotonicNs(), this.#verdict)
  }
}

const NEW = { pending: 0, last: Number.NaN, changedAt: 0, askedAt: 0, live: false, doubtful: false }
