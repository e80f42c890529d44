import type { MessagePort } from 'node:worker_threads'
import type { BanReport } from '../ban.ts'
import type { ControlToWorker, RefusedConnection, RevocationChange, SigningKey, WorkerToControl } from '../messages.ts'
import type { KeySet } from '../plan/keys.ts'
import type { Plan } from '../plan/plan.ts'

/** How long a worker may take to build a generation, ms. Past it the generation is cancelled everywhere. */
const BUILD_LIMIT = 5_000
/** More for each route and consumer, ms: 10,000 of each take a busy worker, which builds between requests, seconds. */
const PER_ITEM = 1
/** After a worker could not take what the others serve, until it is asked again, ms. */
const REJOIN = 2_000
/**
 * Items per message: each part is asked for, so that no deserialisation holds a worker for long (500 consumers: 2 ms).
 * Smaller parts are more hand-overs between two threads, each a wait for a turn where the machine is busy.
 */
const ROUTES = 100
const CONSUMERS = 500
const REVOCATIONS = 100

/** How long a worker may take to confirm a message, ms. */
const CONFIRM_LIMIT = 5_000

/** What is passed on as it comes, and is no step of a rollout. */
type Told = 'unknown-kid' | 'exception' | 'banned' | 'connection-refused' | 'strict-store' | 'shedding'

/** What the workers report. */
export interface RolloutEvents {
  unknownKid(issuer: string): void
  exception(reason: string): void
  banned(ban: BanReport): void
  connectionRefused(refused: RefusedConnection): void
  strictStore(index: number, up: boolean, reason: string): void
  shedding(worker: number, level: number, cause: string): void
  /** A worker came: the revocations it is to hold before it serves, or null for none. */
  revocations(): RevocationChange | null
  /** A worker that replaces another serves the current generation. */
  joined(index: number): void
  joinFailed(index: number, reason: string): void
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
  #current: Plan | null = null
  #underWay: Promise<void> = Promise.resolve()
  #confirms = UNASKED

  constructor(events: RolloutEvents) {
    this.#events = events
  }

  get current(): Plan | null {
    return this.#current
  }

  /** A worker thread started: it gets what the others serve, after any rollout under way. */
  add(index: number, port: MessagePort): void {
    const link = new WorkerLink(port, this.#events)
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
          await within(limitOf(plan), link.build(plan))
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
  publish(plan: Plan): Promise<void> {
    return this.#enqueue(async () => {
      const links = [...this.#links.values()]
      try {
        await within(limitOf(plan), Promise.all(links.map((link) => link.build(plan))))
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
    await within(CONFIRM_LIMIT, Promise.all(confirmed))
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    const result = this.#underWay.then(work)
    this.#underWay = result.catch(() => {})
    return result
  }
}

/** Of a message whose arrival nobody waits for. */
const UNASKED = 0

interface Waiting {
  expected: 'built' | 'committed'
  generation: number
  resolve: () => void
  reject: (error: Error) => void
}

/** The conversation with one worker. */
class WorkerLink {
  readonly #port: MessagePort
  #plan: Plan | null = null
  #sent = { routes: 0, consumers: 0, revocations: 0 }
  #waiting: Waiting | null = null
  /** By number, what is to be told when the worker confirms it. */
  readonly #confirming = new Map<number, () => void>()
  /** The worker ended. */
  closed = false
  /** The generation it committed last; 0 before the first. */
  serves = 0

  constructor(port: MessagePort, events: RolloutEvents) {
    this.#port = port
    port.on('message', (message: WorkerToControl) => {
      if (message.type === 'unknown-kid') return events.unknownKid(message.issuer)
      if (message.type === 'exception') return events.exception(message.reason)
      if (message.type === 'banned') return events.banned(message.ban)
      if (message.type === 'connection-refused') return events.connectionRefused(message.refused)
      if (message.type === 'strict-store') return events.strictStore(message.index, message.up, message.reason)
      if (message.type === 'shedding') return events.shedding(message.worker, message.level, message.cause)
      this.#receive(message)
    })
  }

  post(message: ControlToWorker): void {
    if (!this.closed) this.#port.postMessage(message)
  }

  build(plan: Plan): Promise<void> {
    this.#plan = plan
    this.#sent = { routes: 0, consumers: 0, revocations: 0 }
    const { routes, consumers, revocations: _, ...head } = plan
    this.post({ type: 'begin', head, routes: routes.length, consumers: consumers.length })
    return this.#expect('built', plan.generation)
  }

  /** Nobody waits for that generation any more: no further part of it is sent. */
  cancel(generation: number): void {
    this.#plan = null
    this.#waiting = null
    this.post({ type: 'cancel', generation })
  }

  commit(generation: number): Promise<void> {
    this.#plan = null
    this.post({ type: 'commit', generation })
    return this.#expect('committed', generation)
  }

  /** Resolves when the worker confirms the message of this number, or has ended. */
  confirm(number: number): Promise<void> {
    if (this.closed) return Promise.resolve()
    return new Promise((resolve) => this.#confirming.set(number, resolve))
  }

  close(): void {
    this.closed = true
    this.#port.close()
    for (const confirmed of this.#confirming.values()) confirmed()
    this.#confirming.clear()
    this.#settle(null)
  }

  #expect(expected: Waiting['expected'], generation: number): Promise<void> {
    // A worker that went away takes no part: its replacement gets the current plan when it joins.
    if (this.closed) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#waiting = { expected, generation, resolve, reject }
    })
  }

  #receive(message: Exclude<WorkerToControl, { type: Told }>): void {
    const plan = this.#plan
    switch (message.type) {
      case 'more':
        if (plan !== null && plan.generation === message.generation) this.#sendPart(plan)
        return
      case 'confirmed':
        this.#confirming.get(message.number)?.()
        this.#confirming.delete(message.number)
        return
      case 'failed':
        if (this.#waiting?.generation === message.generation) this.#settle(new Error(message.reason))
        return
      case 'built':
      case 'committed':
        // An answer to a generation that was cancelled meanwhile says nothing about this one.
        if (this.#waiting?.expected === message.type && this.#waiting.generation === message.generation) {
          if (message.type === 'committed') this.serves = message.generation
          this.#settle(null)
        }
    }
  }

  #sendPart(plan: Plan): void {
    const { generation } = plan
    const sent = this.#sent
    if (sent.consumers < plan.consumers.length) {
      const consumers = plan.consumers.slice(sent.consumers, sent.consumers + CONSUMERS)
      sent.consumers += consumers.length
      this.post({ type: 'consumers', generation, consumers })
    } else if (sent.revocations < plan.revocations.length) {
      const revocations = plan.revocations.slice(sent.revocations, sent.revocations + REVOCATIONS)
      sent.revocations += revocations.length
      this.post({ type: 'configured-revocations', generation, revocations })
    } else if (sent.routes < plan.routes.length) {
      const routes = plan.routes.slice(sent.routes, sent.routes + ROUTES)
      sent.routes += routes.length
      this.post({ type: 'routes', generation, routes })
    } else {
      this.post({ type: 'end', generation })
    }
  }

  #settle(error: Error | null): void {
    const waiting = this.#waiting
    this.#waiting = null
    if (error === null) waiting?.resolve()
    else waiting?.reject(error)
  }
}

function limitOf({ routes, consumers }: Plan): number {
  return BUILD_LIMIT + PER_ITEM * (routes.length + consumers.length)
}

function within<T>(limit: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`a worker did not acknowledge within ${limit} ms`)), limit)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
