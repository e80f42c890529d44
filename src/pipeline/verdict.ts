import type { Refusal } from '../problems.ts'
import type { Exchange } from './exchange.ts'
import type { Permit } from './authorize.ts'

/** The one value that lets a request go on to the next stage. */
export const CONTINUE = null

/** Gatehouse answers by itself, and not with a refusal: a preflight, a redirect, a `respond` route, readiness. */
export class Answer {
  readonly status: number
  /** Flat name, value pairs. */
  readonly headers: readonly string[]
  readonly body: string
  /** Which stage answered, for the log. */
  readonly by: string

  constructor(by: string, status: number, headers: readonly string[], body: string) {
    this.by = by
    this.status = status
    this.headers = headers
    this.body = body
  }
}

export type Verdict = typeof CONTINUE | Refusal | Answer

/** A plain function unless it truly waits: a promise per request is what the hot path can't afford. */
export interface Stage {
  readonly name: string
  run(x: Exchange): Verdict | Promise<Verdict>
}

/** How the stages end: refused, answered here, or permitted to go to the upstream. */
export type Outcome = Refusal | Answer | Permit
