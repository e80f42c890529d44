/**
 * How many requests may be under way on one connection of an upstream.
 *
 * With more than one, an answer's place in the line is all that says whose it is: bytes too many in one answer are
 * taken for the beginning of the next, and one caller gets what another asked for. Only an upstream that is trusted to
 * frame its answers rightly may have it, so the owner says so, and the first sign of the opposite ends it for good.
 */
export class Pipelining {
  #depth: number

  constructor(depth: number) {
    this.#depth = depth
  }

  /** 1: none. */
  get depth(): number {
    return this.#depth
  }

  /** The upstream misbehaved. What is under way is still answered; nothing is sent behind it any more. */
  giveUp(): void {
    this.#depth = 1
  }
}

/**
 * A connection whose next answer has been awaited for longer, ms, gets nothing more behind it. An upstream worth
 * pipelining answers within a few; latencies have long tails, so one that took this long is likely to take as long
 * again, and all behind it would wait along. Much less would be crossed by our own collection pauses.
 */
export const SLOW = 10

/**
 * What stands behind one answer for longer, ms, is sent again over another connection: the answer in front may be a
 * stream without end, or its reader asleep. Well above SLOW, since the upstream may do that work twice.
 */
export const PATIENCE = 100
