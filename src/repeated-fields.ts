/**
 * Fields of requests to upstreams that come again with the next request: what is told of one caller, of one connection.
 * A transport that writes bytes keeps them here, so that they are not checked and put together again.
 */
export class RepeatedFields {
  /** Flat name, value pairs, names lower-case, values Latin-1 text. */
  readonly list: readonly string[]
  /** They came before: their bytes are worth keeping. */
  again = false
  /** The same as lines, each with its end: kept by whoever has checked and sent them. */
  lines: Uint8Array | null = null

  constructor(list: readonly string[]) {
    this.list = list
  }
}

/** For a request of which nothing is known to come again. */
export const NOTHING_REPEATED: readonly RepeatedFields[] = Object.freeze([])
