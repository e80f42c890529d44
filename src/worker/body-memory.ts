/** What the request bodies that one worker holds whole may take together, bytes: GATEHOUSE_BODY_MEMORY. */
export class BodyMemory {
  readonly #most: number
  #held = 0

  constructor(most: number) {
    this.#most = most
  }

  get held(): number {
    return this.#held
  }

  /** False: they don't fit any more, and nothing was taken. */
  take(bytes: number): boolean {
    if (this.#held + bytes > this.#most) return false
    this.#held += bytes
    return true
  }

  give(bytes: number): void {
    this.#held -= bytes
  }
}
