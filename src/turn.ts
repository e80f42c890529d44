/**
 * The end of a turn of the event loop: after what this turn's poll of the sockets brought, before the next poll. A
 * microtask would run behind each single socket's event, and join nothing that two clients sent.
 */
export interface Flushable {
  flush(): void
}

/**
 * So many are flushed without waiting for the turn's end: most of what a row of writes saves is saved by sixteen, and in
 * a long turn (a flood of requests that are refused) the first would wait for all.
 */
const MOST = 16

/** What is gathered in a turn, to be done in a row. One immediate serves the whole thread. */
export class Gathering {
  readonly #gathered: Flushable[] = []
  #scheduled = false
  #flushing = false

  /** `flush` is called once, at the end of this turn or before. Not to be called again for the same one before that. */
  add(flushable: Flushable): void {
    this.#gathered.push(flushable)
    if (this.#flushing) return
    if (this.#gathered.length >= MOST) return this.#flush()
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    const gathered = this.#gathered
    let done = 0
    this.#flushing = true
    try {
      // What a flush leads to may gather more, which then goes out in the same pass.
      while (done < gathered.length) gathered[done++]?.flush()
    } finally {
      this.#flushing = false
      gathered.splice(0, done)
      // An exception that a callback lets escape is not the other connections' affair.
      if (gathered.length > 0) setImmediate(() => this.#flush())
    }
  }
}
