import type { MessagePort } from 'node:worker_threads'
import type { Bucket, Evidence } from '../ban.ts'
import type { RevocationChange, SigningKey } from '../messages.ts'
import type { KeySet } from '../plan/keys.ts'
import type { PackedPlan } from '../plan/plan.ts'
import { type SlowToStart, within, withinStart } from './patience.ts'
import { UNASKED, WorkerLink, type WorkerEvents } from './worker-link.ts'

/** How long a worker that serves may take to build a generation, ms; one that starts, `patience.ts`. Past it the generation is cancelled everywhere. */
const BUILD_LIMIT = 5_000
/** More for each route and consumer, ms: 10,000 of each take a busy worker, which builds between requests, seconds. */
const PER_ITEM = 1
/** After a worker could not take what the others serve, until it is asked again, ms. */
const REJOIN = 2_000
/** How long a worker may take to confirm a message, ms. */
const CONFIRM_LIMIT = 5_000

export interface RolloutEvents extends WorkerEvents {
  /** A worker came: the revocations it is to hold before it serves, or null for none. */
  revocations(): RevocationChange | null
  /** A worker that replaces another serves the current generation. */
  joined(index: number): void
  joinFailed(index: number, reason: string): void
  /** A worker has not built its first generation yet. */
  slowToStart: SlowToStart
}

/**
 * How a generation reaches the workers: every worker builds it beside the one it serves, all acknowledge, then all
 * swap it in between two requests. One that can't, or does not in time, keeps it from all of them. The same way
 * serves configuration, certificates and a worker that replaces another.
 */
export class Rollout {
  readonly #links = new Map<number, WorkerLink>()
  readonly #keys = new Map<string, KeySet>()
  #signingKeys: SigningKey[] | null = null
  readonly #events: RolloutEvents
  #current: PackedPlan | null = null
  #underWay: Promise<void> = Promise.resolve()
  #confirms = UNASKED

  constructor(events: RolloutEvents) {
    this.#events = events
  }

  get current(): PackedPlan | null {
    return this.#current
  }

  /** A worker thread started: it gets what the others serve, after any rollout under way. */
  add(index: number, port: MessagePort): void {
    const link = new WorkerLink(index, port, this.#events)
    // Known from now on, not only once its turn came: one that ends before that must be found by `remove`, or its
    // turn would wait for an answer for ever, and every rollout behind it.
    this.#links.set(index, link)
    for (const set of this.#keys.values()) link.post({ type: 'keys', set })
    if (this.#signingKeys !== null) link.post({ type: 'signing-keys', keys: this.#signingKeys })
    const revocations = this.#events.revocations()
    if (revocations !== null) link.post({ type: 'revocations', change: revocations, confirm: UNASKED })
    this.#join(index, link)
  }

  #join(index: number, link: WorkerLink): void {
    this.#enqueue(async () => {
      const plan = this.#current
      if (plan === null || link.closed) return
      // A rollout that was waiting when this worker came has included it.
      if (link.serves !== plan.generation) {
        try {
          await this.#build(plan, link)
        } catch (error) {
          link.cancel(plan.generation)
          throw error
        }
        await link.commit(plan.generation)
      }
      if (!link.closed) this.#events.joined(index)
    }).catch((error: unknown) => {
      this.#events.joinFailed(index, messageOf(error))
      setTimeout(() => this.#join(index, link), REJOIN).unref()
    })
  }

  remove(index: number): void {
    const link = this.#links.get(index)
    this.#links.delete(index)
    link?.close()
  }

  /**
   * Resolves when every worker serves `plan`; rejects, with nothing changed anywhere, when one could not build it.
   * `plan.generation` must be one that was never published before, cancelled ones included: an answer that comes too
   * late for one attempt must not be taken for an answer to the next.
   */
  publish(plan: PackedPlan): Promise<void> {
    return this.#enqueue(async () => {
      const links = [...this.#links.values()]
      try {
        await Promise.all(links.map((link) => this.#build(plan, link)))
      } catch (error) {
        for (const link of links) link.cancel(plan.generation)
        throw error
      }
      // From the first commit on there is no way back, and none is needed: all have built it.
      this.#current = plan
      await Promise.all(links.map((link) => link.commit(plan.generation)))
    })
  }

  /** Sends the gateway's own signing keys to all workers, and to those that come later. */
  setSigningKeys(keys: SigningKey[]): void {
    this.#signingKeys = keys
    for (const link of this.#links.values()) link.post({ type: 'signing-keys', keys })
  }

  /** Sends an issuer's keys to all workers, and to those that come later. */
  setKeys(set: KeySet): void {
    this.#keys.set(set.issuer, set)
    for (const link of this.#links.values()) link.post({ type: 'keys', set })
  }

  /** Resolves when a change of the revocations holds on every worker; rejects when one did not say so in 5 s. */
  async revoke(change: RevocationChange): Promise<void> {
    const confirm = ++this.#confirms
    const confirmed = [...this.#links.values()].map((link) => link.confirm(confirm))
    for (const link of this.#links.values()) link.post({ type: 'revocations', change, confirm })
    await within(CONFIRM_LIMIT, 'a worker did not acknowledge', Promise.all(confirmed))
  }

  /** What each worker but one has seen go to a bucket of detection; one that ends meanwhile has seen nothing. */
  testimonies(bucket: Bucket, except: number): Promise<Evidence[]>[] {
    return [...this.#links].filter(([index]) => index !== except).map(([, link]) => link.testify(bucket))
  }

  /** Resolves when the worker has built `plan`, or has ended; rejects when it can't, or does not in its time. */
  #build(plan: PackedPlan, link: WorkerLink): Promise<void> {
    const more = PER_ITEM * (plan.routes.length + plan.consumers.length)
    const late = `worker ${link.index} did not acknowledge`
    const built = link.build(plan)
    if (link.serves > 0) return within(BUILD_LIMIT + more, late, built)
    return withinStart(link.index, late, this.#events.slowToStart, built, more)
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    const result = this.#underWay.then(work)
    this.#underWay = result.catch(() => {})
    return result
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
