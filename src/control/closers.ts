/** What is to be let go of at the end, in the reverse of the order in which it was taken. */
export class Closers {
  readonly #closers: (() => void | Promise<void>)[] = []

  add(close: () => void | Promise<void>): void {
    this.#closers.push(close)
  }

  /** Each has its turn, whatever another throws; `failed` hears of that. */
  async close(failed: (error: unknown) => void): Promise<void> {
    for (const close of this.#closers.toReversed()) {
      try {
        await close()
      } catch (error) {
        failed(error)
      }
    }
  }
}
