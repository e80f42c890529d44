import { setImmediate as aTurn } from 'node:timers/promises'
import type { CrowdsecPlan } from '../../plan/threats.ts'
import type { Log } from '../../observe/log.ts'
import { gatehouseVersion } from '../../version.ts'
import type { Document } from '../../upstream/document.ts'
import { CROWDSEC } from '../../threats/tag.ts'
import type { CrowdsecReport } from '../admin/report.ts'
import type { BanBook } from './book.ts'
import { readDecisions, type Decision } from './decisions.ts'

export interface CrowdsecAround {
  /** Rejects with what the owner should know. */
  fetch: (url: string, limits: { timeout: number; maxBytes: number; headers: readonly string[] }) => Promise<Document>
  bans: Pick<BanBook, 'hold' | 'release' | 'namesOf'>
  log: () => Log
  /** Decisions held at most. */
  most: number
  /** ms since the epoch; for tests. */
  clock?: () => number
}

/** What `cscli bouncers list` shows as type and version; its local API warns of each call by who has none. */
const AGENT = `gatehouse/${gatehouseVersion()}`
/** All of an answer, ms. */
const TIMEOUT = 10_000
/** 130,000 decisions. */
const MOST_BYTES = 32 << 20
/** Between two readings of the whole list, ms: what a lost answer said is made good then at the latest. */
const WHOLE = 3_600_000
/** Decisions worked through in one turn of the control thread's: about 10 ms. */
const SLICE = 1_000

/**
 * CrowdSec's decisions as bans of ours: this gateway is one of its bouncers. Its local API tells all that holds when
 * asked for a start, and what changed since the last question otherwise. The whole is the truth: it is asked for at the
 * start, after any failure, every hour, and whenever something that holds here is said to be over (a shorter
 * decision on the same address ends in the same words as the last one).
 */
export class Crowdsec {
  readonly #around: Required<CrowdsecAround>
  #plan: CrowdsecPlan | null = null
  /** Held here, with the end in ms. */
  readonly #held = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined
  #polling: Promise<void> = Promise.resolve()
  /** Counts the plans, so that an answer to a former one's question is not taken. */
  #turn = 0
  /** When the whole list was last read, and when anything was; null: not yet. */
  #wholeAt: number | null = null
  #heardAt: number | null = null
  #failures = 0
  #error: string | null = null
  #ignored = 0
  #full = false

  constructor(around: CrowdsecAround) {
    this.#around = { clock: Date.now, ...around }
  }

  /** A generation serves. Without a local API, whatever one has decided before is let go. */
  use(plan: CrowdsecPlan | null): void {
    if (this.#turn > 0 && JSON.stringify(plan) === JSON.stringify(this.#plan)) return
    this.#plan = plan
    this.#turn++
    clearTimeout(this.#timer)
    this.#wholeAt = null
    this.#heardAt = null
    this.#error = null
    this.#ignored = 0
    this.#held.clear()
    for (const { who, until } of this.#around.bans.namesOf(CROWDSEC)) this.#held.set(who, until)
    if (plan === null) for (const who of this.#held.keys()) this.#let(who)
    else this.#ask(plan)
  }

  /** null: there is none to ask. */
  report(): CrowdsecReport | null {
    if (this.#plan === null) return null
    return {
      decisions: this.#held.size,
      age: this.#heardAt === null ? null : this.#around.clock() - this.#heardAt,
      ignored: this.#ignored,
      failures: this.#failures,
      error: this.#error
    }
  }

  /** An answer under way is not taken any more. */
  close(): void {
    this.#turn++
    clearTimeout(this.#timer)
  }

  #ask(plan: CrowdsecPlan): void {
    const turn = this.#turn
    this.#polling = this.#polling.then(async () => {
      if (turn !== this.#turn) return
      const again = await this.#poll(plan, turn)
      if (turn !== this.#turn) return
      this.#timer = setTimeout(() => this.#ask(plan), again ? 0 : plan.interval).unref()
    })
  }

  /** @returns whether the whole list is to be asked for at once */
  async #poll({ url, key }: CrowdsecPlan, turn: number): Promise<boolean> {
    const now = this.#around.clock()
    const whole = this.#wholeAt === null || now - this.#wholeAt >= WHOLE
    try {
      const { body } = await this.#around.fetch(`${url}/v1/decisions/stream?startup=${whole}`, {
        timeout: TIMEOUT,
        maxBytes: MOST_BYTES,
        headers: ['x-api-key', key, 'user-agent', AGENT]
      })
      const { made, ended, ignored } = readDecisions(body)
      const before = this.#held.size
      const taken = await this.#take(made, turn)
      if (whole) await this.#letGoOfOthers(made, turn)
      if (turn !== this.#turn) return false
      this.#heard(whole, ignored)
      if (taken > 0 || this.#held.size !== before)
        this.#around.log().info(`CrowdSec decides on ${this.#held.size} addresses and networks`, { new: taken })
      if (whole || !this.#isOver(ended)) return false
      this.#wholeAt = null
      return true
    } catch (error) {
      this.#failed(error)
      return false
    }
  }

  #heard(whole: boolean, ignored: number): void {
    const now = this.#around.clock()
    this.#heardAt = now
    if (whole) this.#wholeAt = now
    this.#ignored = whole ? ignored : this.#ignored + ignored
    if (this.#error !== null) this.#around.log().info('CrowdSec answers again')
    this.#error = null
  }

  /** What is held stays held: its API being away must not open the door. */
  #failed(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    const why = /answered 40[13]\b/.test(reason)
      ? `${reason}: the key is none of its bouncers' (cscli bouncers add)`
      : reason
    this.#failures++
    this.#wholeAt = null
    if (this.#error === null)
      this.#around.log().error('CrowdSec does not answer: its decisions so far go on', { reason: why })
    this.#error = why
  }

  /** @returns how many are new */
  async #take(made: readonly Decision[], turn: number): Promise<number> {
    let taken = 0
    for (const [i, decision] of made.entries()) {
      if (i % SLICE === SLICE - 1) await aTurn()
      if (turn !== this.#turn) break
      if (this.#hold(decision)) taken++
    }
    return taken
  }

  #hold({ cidr, who, left, reason }: Decision): boolean {
    if (left <= 0) return false
    const known = this.#held.has(who)
    if (!known && this.#held.size >= this.#around.most) {
      if (!this.#full) this.#around.log().error(`CrowdSec decides on more than ${this.#around.most}: no more are taken`)
      this.#full = true
      return false
    }
    const until = this.#around.clock() + left
    if (!this.#around.bans.hold({ cidr, until, scenario: CROWDSEC, reason })) return false
    this.#held.set(who, until)
    return !known
  }

  async #letGoOfOthers(made: readonly Decision[], turn: number): Promise<void> {
    const still = new Set(made.map(({ who }) => who))
    let gone = 0
    for (const who of this.#held.keys()) {
      if (turn !== this.#turn) return
      if (still.has(who)) continue
      this.#let(who)
      if (++gone % SLICE === 0) await aTurn()
    }
    this.#full = this.#held.size >= this.#around.most
  }

  #let(who: string): void {
    this.#around.bans.release(CROWDSEC, who)
    this.#held.delete(who)
  }

  /** Whether one of these is held, and would be for a while. Those whose time was over anyway are gone here too. */
  #isOver(ended: readonly Decision[]): boolean {
    const now = this.#around.clock()
    for (const [who, until] of this.#held) if (until <= now) this.#held.delete(who)
    return ended.some(({ who }) => this.#held.has(who))
  }
}
