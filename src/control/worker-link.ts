import type { MessagePort } from 'node:worker_threads'
import type { BanReport, Bucket, Evidence } from '../ban.ts'
import type { ControlToWorker, RefusedConnection, WorkerToControl } from '../messages.ts'
import type { PackedPlan } from '../plan/plan.ts'

/**
 * Items per message: each part is asked for, so that no deserialisation holds a worker for long. Smaller parts are more
 * hand-overs between two threads, each a wait for a turn where the machine is busy.
 */
const ROUTES = 100
const REVOCATIONS = 100

/** What is passed on as it comes, and is no step of a conversation. */
type Told = 'unknown-kid' | 'exception' | 'banned' | 'connection-refused' | 'strict-store' | 'shedding'

/** What the workers report. */
export interface WorkerEvents {
  /** @param version of the set in which the worker missed it */
  unknownKid(issuer: string, version: number): void
  exception(reason: string): void
  /** @param worker that banned @param bucket by which the others find what they have seen; null: it saw all of it */
  banned(ban: BanReport, bucket: Bucket | null, worker: number): void
  connectionRefused(refused: RefusedConnection): void
  strictStore(index: number, up: boolean, reason: string): void
  shedding(worker: number, level: number, cause: string): void
}

/** Of a message whose arrival nobody waits for. */
export const UNASKED = 0

interface Waiting {
  expected: 'built' | 'committed'
  generation: number
  resolve: () => void
  reject: (error: Error) => void
}

/** The conversation with one worker. */
export class WorkerLink {
  readonly index: number
  readonly #port: MessagePort
  #plan: PackedPlan | null = null
  #sent = { routes: 0, revocations: 0 }
  #waiting: Waiting | null = null
  /** By number, what is to be told when the worker confirms it. */
  readonly #confirming = new Map<number, () => void>()
  /** By number, who waits for what the worker has seen. */
  readonly #testifying = new Map<number, (evidence: Evidence[]) => void>()
  #asked = 0
  /** The worker ended. */
  closed = false
  /** The generation it committed last; 0 before the first. */
  serves = 0

  constructor(index: number, port: MessagePort, events: WorkerEvents) {
    this.index = index
    this.#port = port
    port.on('message', (message: WorkerToControl) => {
      if (message.type === 'unknown-kid') return events.unknownKid(message.issuer, message.version)
      if (message.type === 'exception') return events.exception(message.reason)
      if (message.type === 'banned') return events.banned(message.ban, message.bucket, index)
      if (message.type === 'connection-refused') return events.connectionRefused(message.refused)
      if (message.type === 'strict-store') return events.strictStore(message.index, message.up, message.reason)
      if (message.type === 'shedding') return events.shedding(message.worker, message.level, message.cause)
      this.#receive(message)
    })
  }

  post(message: ControlToWorker): void {
    if (!this.closed) this.#port.postMessage(message)
  }

  build(plan: PackedPlan): Promise<void> {
    this.#plan = plan
    this.#sent = { routes: 0, revocations: 0 }
    const { routes: _routes, revocations: _revocations, consumers, ...head } = plan
    this.post({ type: 'begin', head, consumers })
    return this.#expect('built', plan.generation)
  }

  /** Nobody waits for that generation any more: no further part of it is sent. */
  cancel(generation: number): void {
    this.#plan = null
    this.#settle(new Error(`generation ${generation} was cancelled`))
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

  /** Resolves with what the worker has seen go to a bucket of detection; with nothing when it ends first. */
  testify(bucket: Bucket): Promise<Evidence[]> {
    if (this.closed) return Promise.resolve([])
    const number = ++this.#asked
    this.post({ type: 'testify', bucket, number })
    return new Promise((resolve) => this.#testifying.set(number, resolve))
  }

  close(): void {
    this.closed = true
    this.#port.close()
    for (const confirmed of this.#confirming.values()) confirmed()
    this.#confirming.clear()
    for (const testified of this.#testifying.values()) testified([])
    this.#testifying.clear()
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
      case 'testimony':
        this.#testifying.get(message.number)?.(message.evidence)
        this.#testifying.delete(message.number)
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

  #sendPart(plan: PackedPlan): void {
    const { generation } = plan
    const sent = this.#sent
    if (sent.revocations < plan.revocations.length) {
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
