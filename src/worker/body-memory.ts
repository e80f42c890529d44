/** Room for one request's body, held whole. */
export interface BodyRoom {
  /** False: they don't fit any more, and nothing was taken. */
  take(bytes: number): boolean
  give(bytes: number): void
}

/**
 * What the request bodies that one worker holds whole may take together, bytes (GATEHOUSE_BODY_MEMORY), and of that one
 * client's (GATEHOUSE_BODY_CLIENT_SHARE): who parks uploads fills no more than his share.
 */
export class BodyMemory implements BodyRoom {
  readonly #most: number
  readonly #mostOfClient: number
  /** Only clients of whom something is held, so it is bounded by what is. */
  readonly #clients = new Map<string, number>()
  #held = 0

  /** @param clientShare percent, 1 to 100 */
  constructor(most: number, clientShare = 100) {
    this.#most = most
    this.#mostOfClient = (most * clientShare) / 100
  }

  get held(): number {
    return this.#held
  }

  take(bytes: number): boolean {
    if (this.#held + bytes > this.#most) return false
    this.#held += bytes
    return true
  }

  give(bytes: number): void {
    this.#held -= bytes
  }

  /** Room in a client's share. */
  of(client: string): BodyRoom {
    return {
      take: (bytes) => {
        const own = (this.#clients.get(client) ?? 0) + bytes
        if (own > this.#mostOfClient || !this.take(bytes)) return false
        if (own > 0) this.#clients.set(client, own)
        return true
      },
      give: (bytes) => {
        this.give(bytes)
        const left = (this.#clients.get(client) ?? 0) - bytes
        if (left > 0) this.#clients.set(client, left)
        else this.#clients.delete(client)
      }
    }
  }
}
