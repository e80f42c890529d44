import type { ConcurrencyTable } from '../memory/concurrency.ts'

/** A request that waits for its turn. */
export interface Turn {
  /** It needs no place any more. Does nothing once it has had its turn. */
  abandon(): void
}

interface Waiter {
  readonly ticket: number
  readonly max: number
  /** Called once, with the slot to release. */
  readonly granted: (slot: number) => void
}

/**
 * The requests of one worker that wait for a place in a table, a queue for each slot. Bounded by the limits' own
 * `queue`. Whose turn it is and how workers wake each other is told in memory/concurrency.ts.
 */
export class Queues {
  readonly #table: ConcurrencyTable
  readonly #worker: number
  readonly #bySlot = new Map<number, Waiter[]>()
  #listening = false

  constructor(table: ConcurrencyTable, worker: number) {
    this.#table = table
    this.#worker = worker
  }

  /** Stands at the end of the slot's queue, into which `acquire` has let a request. `granted` is never called at once. */
  enter(slot: number, max: number, granted: (slot: number) => void): Turn {
    const waiter: Waiter = { ticket: this.#table.draw(slot), max, granted }
    const queue = this.#bySlot.get(slot)
    if (queue === undefined) {
      this.#bySlot.set(slot, [waiter])
      this.#table.publish(slot, this.#worker, waiter.ticket)
    } else queue.push(waiter)
    if (!this.#listening) {
      this.#listening = true
      queueMicrotask(() => void this.#listen())
    }
    return { abandon: () => this.#abandon(slot, waiter) }
  }

  #abandon(slot: number, waiter: Waiter): void {
    const queue = this.#bySlot.get(slot)
    const place = queue?.indexOf(waiter) ?? -1
    if (queue === undefined || place < 0) return
    queue.splice(place, 1)
    if (place === 0) this.#publishFirst(slot, queue)
    this.#table.leave(slot, this.#worker)
    // A ring that came for it is for the next.
    this.#table.ring(slot)
  }

  /** Until nobody waits here any more. */
  async #listen(): Promise<void> {
    while (this.#bySlot.size > 0) {
      const heard = this.#table.bell(this.#worker)
      for (const [slot, queue] of this.#bySlot) this.#serve(slot, queue)
      if (this.#bySlot.size === 0) break
      const rung = this.#table.rung(this.#worker, heard)
      if (rung !== null) await rung
    }
    this.#listening = false
  }

  #serve(slot: number, queue: Waiter[]): void {
    for (let first = queue[0]; first !== undefined; first = queue[0]) {
      if (!this.#table.grant(slot, this.#worker, first.max)) return
      queue.shift()
      this.#publishFirst(slot, queue)
      // Another place may be free, and the next in line on another worker.
      this.#table.ring(slot)
      first.granted(slot)
    }
  }

  #publishFirst(slot: number, queue: readonly Waiter[]): void {
    this.#table.publish(slot, this.#worker, queue[0]?.ticket ?? 0)
    if (queue.length === 0) this.#bySlot.delete(slot)
  }
}
