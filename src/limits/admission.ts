/**
 * Which requests a worker turns away while it has more to do than it can: those that are worth least first. Who presents
 * no credential goes before who presents one that is new here (and costs a verification), and that one before callers
 * who are known. Of each of these, clients that want much go before those that want little (demand.ts), and what a caller
 * wants is measured by what his tier is granted: a low tier is turned away before a high one. Health checks never come here,
 * and the admin plane is another thread.
 *
 * The control law. Twice a second three loads are judged, each as a share of what it may be: how late the event loop
 * is, how much waits for verification, and how much memory is taken. Above 1, unless it is falling already, the pressure
 * rises, by more the more it is above; below one half it falls, slowly at first and faster the longer the quiet lasts; in between it stays: that band is
 * what keeps it from swinging. Pressure is a number: its whole part are the classes that are turned away entirely, its
 * fraction the share of the next one. So what is shed changes by tenths, and never from nothing to all.
 *
 * The lag is the least that was seen in the interval, as in CoDel (RFC 8289): one long turn, such as a collection or a
 * new generation, makes one look late; a queue that does not go away makes all of them late.
 *
 * A full verification queue weighs on new credentials alone, since nobody else stands in it; memory never weighs on known
 * callers, since memory that was taken once need not come back. Of those at least a tenth passes whatever happens, so
 * that one can see from outside that the worker lives.
 */
import { KeyHash } from '../memory/hash.ts'
import { Demand } from './demand.ts'

/** Worth of a request, the least first. */
export const STRANGER = 0
export const NEWCOMER = 1
export const CALLER = 2
export type Worth = typeof STRANGER | typeof NEWCOMER | typeof CALLER

const WORTHS = [STRANGER, NEWCOMER, CALLER] as const

/** What a worker measured over one interval. */
export interface Load {
  /** Least lateness of the event loop, ms. */
  readonly lag: number
  /** Of the places for tokens that wait for verification, the share that is taken, 0 to 1. */
  readonly waiting: number
  /** Of what the process's memory, and this worker's heap, may be, the share that is taken. */
  readonly memory: number
  readonly heap: number
}

/** Between two judgements, ms. */
export const INTERVAL = 500

/** Of the queue, from which on it is too much: half of what would turn everybody away. */
const QUEUE_TARGET = 0.5
/** From here on memory weighs, up to all of it; a heap is collected before it is full, and so may be fuller by nature. */
const MEMORY_FROM = 0.9
const HEAP_FROM = 0.85

const MOST = 2.9
const MOST_BY_MEMORY = 2
const MOST_BY_QUEUE = 0.9
const MOST_OF_CALLERS = 0.9

/** Of what makes the pressure rise: from there on it is counted who wants how much, before anybody is turned away for it. */
const WATCHED = 0.5

export class Admission {
  /** Whether requests have to pass here at all: not while there is nothing to do about them. */
  watches = false
  /** 0: nobody is turned away. Else one more than the highest worth of those who are. */
  level = 0
  /** What weighs, for the log; '' while nothing does. */
  cause = ''
  readonly #lagTarget: number
  readonly #lag = new Pressure(MOST)
  readonly #memory = new Pressure(MOST_BY_MEMORY)
  readonly #queue = new Pressure(MOST_BY_QUEUE)
  /** By worth. */
  readonly #demands: readonly [Demand, Demand, Demand]

  /** @param lagTarget lateness of the event loop that is still taken, ms @param seed SharedMemory.seed */
  constructor(lagTarget: number, seed: ConstructorParameters<typeof KeyHash>[0]) {
    this.#lagTarget = lagTarget
    const hash = new KeyHash(seed)
    const demand = (of: string): Demand => new Demand(hash, hash.domain(`demand of ${of}`))
    this.#demands = [demand('strangers'), demand('newcomers'), demand('callers')]
  }

  /** The event loop was late once, ms: who comes from now on is counted, so that it is known who wants how much when they are judged. */
  late(lag: number): void {
    if (lag > WATCHED * this.#lagTarget) this.watches = true
  }

  /** To be called every INTERVAL; while it `watches` what is under way is to be told by `holds` then. @returns whether `level` is another */
  judge({ lag, waiting, memory, heap }: Load): boolean {
    const loads = [
      lag / this.#lagTarget,
      waiting / QUEUE_TARGET,
      Math.max(beyond(memory, MEMORY_FROM), beyond(heap, HEAP_FROM))
    ] as const
    this.#lag.weigh(loads[0])
    this.#queue.weigh(loads[1])
    this.#memory.weigh(loads[2])
    this.cause = this.#causeOf(lag, waiting, Math.max(memory, heap))
    const before = this.level
    this.level = this.#levelOf(before)
    const watched = this.watches
    this.watches = this.level > 0 || Math.max(...loads) > WATCHED
    if (this.watches) for (const worth of WORTHS) this.#demands[worth].next(this.share(worth))
    else if (watched) for (const demand of this.#demands) demand.clear()
    return this.level !== before
  }

  /** A request is under way as an interval begins. @param client @param weight as in `turnsAway` */
  holds(worth: Worth, client: string, weight: number): void {
    this.#demands[worth].add(client, weight)
  }

  /** Share of requests of that worth that is turned away, 0 to 1. */
  share(worth: Worth): number {
    const share = Math.min(1, Math.max(0, Math.max(this.#lag.value, this.#memory.value) - worth))
    if (worth === NEWCOMER) return Math.max(share, this.#queue.value)
    return worth === CALLER ? Math.min(share, MOST_OF_CALLERS) : share
  }

  /**
   * Whether this request is one of those, as far as its client wants more than others do.
   * @param client who it is that wants it
   * @param weight as how many requests it counts, 1 to MOST_WEIGHT (tier-weight.ts)
   */
  turnsAway(worth: Worth, client: string, weight: number): boolean {
    return this.#demands[worth].turnsAway(client, weight)
  }

  /** A level is left only well below its edge, or a pressure that stands on one would be a change twice a second. */
  #levelOf(before: number): number {
    const pressure = Math.max(this.#lag.value, this.#memory.value)
    const queued = this.#queue.value > 0 ? NEWCOMER + 1 : 0
    let level = Math.ceil(pressure)
    if (level < before && pressure > before - 1 - HYSTERESIS && pressure > 0) level = before
    return Math.max(level, queued)
  }

  #causeOf(lag: number, waiting: number, memory: number): string {
    const causes: string[] = []
    if (this.#lag.value > 0) causes.push(`the event loop is ${Math.round(lag)} ms late`)
    if (this.#memory.value > 0) causes.push(`${Math.round(memory * 100)} % of the memory is taken`)
    if (this.#queue.value > 0) causes.push(`the queue for verification is ${Math.round(waiting * 100)} % full`)
    return causes.join(', ')
  }
}

const HYSTERESIS = 0.25

/** 0 at `from`, 1 when all is taken. */
function beyond(share: number, from: number): number {
  return (share - from) / (1 - from)
}

const RISE = 0.1
const MOST_RISES = 5
const FALL = 0.05
const MOST_FALLS = 4

class Pressure {
  readonly #most: number
  #quiet = 0
  #before = 0
  value = 0

  constructor(most: number) {
    this.#most = most
  }

  /** @param load 1: as much as may be */
  weigh(load: number): void {
    // What falls is being worked off: to go on rising would turn away more than there was too much.
    if (load > 1 && load >= this.#before)
      this.value = Math.min(this.#most, this.value + RISE * Math.min(MOST_RISES, load))
    this.#before = load
    this.#quiet = load < 0.5 ? this.#quiet + 1 : 0
    if (this.#quiet === 0) return
    const fall = FALL * Math.min(MOST_FALLS, 1 + (this.#quiet >> 1))
    this.value = this.value > fall ? this.value - fall : 0
  }
}
