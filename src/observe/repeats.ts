/**
 * What a worker told the control thread last, so that it need not say it again: most exchanges end like one before, for
 * a client that was there before. Outcomes and clients have numbered places; a record names the place and brings what
 * belongs there only when that is not what the place held. Which place, is a hash: two that meet in one take turns and
 * are told anew each time, which costs what telling every record would. So nothing that clients send makes this grow,
 * and nothing depends on the hash but speed.
 */
import { emptyClient, emptyOutcome, type Client, type Outcome } from './record.ts'

/**
 * Places for outcomes: routes times statuses times targets, of those that are busy. Made when they are used, some 600
 * bytes on either side; of a route that shares its place nearly every record tells all again, and 10,000 busy routes
 * over 256 places took 1.1 times the processor time per request.
 */
export const OUTCOMES = 8192
/** Places for clients. With the longest texts they take as much memory as a ring of 2 MB. */
export const CLIENTS = 512

/** One place for an outcome. */
export class ToldOutcome {
  #told = false
  readonly #last = emptyOutcome()

  /** Whether `r` ended as the last one told here. */
  holds(r: Outcome): boolean {
    const last = this.#last
    return (
      this.#told &&
      last.status === r.status &&
      last.worker === r.worker &&
      last.generation === r.generation &&
      last.decision === r.decision &&
      last.method === r.method &&
      last.scheme === r.scheme &&
      last.listener === r.listener &&
      last.route === r.route &&
      last.service === r.service &&
      last.problem === r.problem &&
      last.policy === r.policy &&
      last.rule === r.rule &&
      last.where === r.where &&
      last.reason === r.reason &&
      last.shadow === r.shadow &&
      last.target === r.target
    )
  }

  keep(r: Outcome): void {
    const last = this.#last
    last.status = r.status
    last.worker = r.worker
    last.generation = r.generation
    last.decision = r.decision
    last.method = r.method
    last.scheme = r.scheme
    last.listener = r.listener
    last.route = r.route
    last.service = r.service
    last.problem = r.problem
    last.policy = r.policy
    last.rule = r.rule
    last.where = r.where
    last.reason = r.reason
    last.shadow = r.shadow
    last.target = r.target
    this.#told = true
  }

  static place(r: Outcome): number {
    let hash = Math.imul(r.status, 31) + tail(r.route)
    hash = Math.imul(hash, 31) + tail(r.target)
    hash = Math.imul(hash, 31) + r.method.length
    hash = Math.imul(hash, 31) + r.where.length
    hash = Math.imul(hash, 31) + r.reason.length
    return spread(hash) % OUTCOMES
  }
}

/** One place for a client. */
export class ToldClient {
  #told = false
  readonly #last = emptyClient()

  /** Whether `r` came from the last one told here. */
  holds(r: Client): boolean {
    const last = this.#last
    return (
      this.#told &&
      last.clientIp === r.clientIp &&
      last.host === r.host &&
      last.userAgent === r.userAgent &&
      last.authMethod === r.authMethod &&
      last.consumer === r.consumer &&
      last.subject === r.subject &&
      last.issuer === r.issuer &&
      last.credential === r.credential
    )
  }

  keep(r: Client): void {
    const last = this.#last
    last.clientIp = r.clientIp
    last.host = r.host
    last.userAgent = r.userAgent
    last.authMethod = r.authMethod
    last.consumer = r.consumer
    last.subject = r.subject
    last.issuer = r.issuer
    last.credential = r.credential
    this.#told = true
  }

  static place(r: Client): number {
    let hash = tail(r.clientIp)
    hash = Math.imul(hash, 31) + tail(r.subject)
    hash = Math.imul(hash, 31) + tail(r.credential)
    hash = Math.imul(hash, 31) + r.host.length
    hash = Math.imul(hash, 31) + r.userAgent.length
    return spread(hash) % CLIENTS
  }
}

/** Of a text's length and its end, where names of one kind differ most. */
function tail(text: string): number {
  const { length } = text
  if (length < 4) return length
  return (
    (text.charCodeAt(length - 1) << 16) ^
    (text.charCodeAt(length - 2) << 10) ^
    (text.charCodeAt(length - 3) << 5) ^
    text.charCodeAt(length - 4) ^
    (length << 21)
  )
}

/** Fibonacci hashing: the upper bits depend on all of them. */
function spread(hash: number): number {
  return Math.imul(hash, 0x9e3779b1) >>> 16
}
