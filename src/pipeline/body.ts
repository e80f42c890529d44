import { refuse, type Refusal } from '../problems.ts'
import type { Exchange } from './exchange.ts'

/**
 * The request's body, for the stages that judge what it holds. worker/ implements it over a socket, explain over what
 * was described. A stage that never asks costs nothing: the body then streams to the upstream.
 */
export interface BodySource {
  /**
   * All of it, once it has arrived. The route's `validate.body.maxSize` (413), its time-outs (408) and a client that
   * leaves end the exchange while this waits, and then it never settles. null: the worker may hold no more
   * (GATEHOUSE_BODY_MEMORY); a request that is let pass all the same streams as if nobody had asked.
   */
  whole(): Promise<Uint8Array | null>
}

const EMPTY = new Uint8Array(0)

/** Of an exchange that was given none. */
export const NO_BODY: BodySource = { whole: () => Promise.resolve(EMPTY) }

/** All of the request's body; at once when there is none or it was asked for before. null: no room, see `noRoom`. */
export function wholeBody(x: Exchange): Uint8Array | Promise<Uint8Array | null> {
  if (x.size === 0) return EMPTY
  return x.bodyHeld ?? x.body.whole().then((bytes) => (x.bodyHeld = bytes))
}

/** For the stage that can't let a body pass that it has not seen. */
export function noRoom(policy: string, where: string, rule = ''): Refusal {
  const reason = 'the bodies that this worker holds already fill GATEHOUSE_BODY_MEMORY'
  return refuse('shedding', policy, reason, { rule, where, headers: ['retry-after', '1'] })
}
