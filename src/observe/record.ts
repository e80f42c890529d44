/**
 * What is known of one exchange when it ends: written by a worker into its ring (memory/ring.ts), read by the
 * control thread, which makes the access line, the metrics and later spans and analytics of it. In three parts, by how
 * often they change: most exchanges end like one before, for a client that was there before.
 *
 * Strings are capped when written (`CAPS` of layout.ts); numbers are as named.
 */
export interface AccessRecord extends OwnNumbers, OwnTexts, Outcome, Client {}

/** Of this one exchange. */
export interface OwnNumbers {
  /** End of the exchange, ms since the epoch. */
  time: number
  /** First byte in to last byte out, µs. */
  duration: number
  /** µs from handing the request to the upstream to its answer's head; -1 when none was asked. */
  upstreamTime: number
  /** Body bytes from and to the client. */
  bytesIn: number
  bytesOut: number
}

/** Of this one exchange, too. */
export interface OwnTexts {
  id: string
  traceId: string
  path: string
  /** With the values of credential parameters already replaced by `***`. */
  query: string
}

/** What was asked of the gateway, and what became of it. */
export interface Outcome {
  status: number
  worker: number
  /** Plan generation that decided. */
  generation: number
  /** `forward`: an upstream answered; `answer`: Gatehouse itself did (respond, preflight, ready, redirect); `deny`: a policy refused; `error`: upstream or gateway failed; `abort`: the client left first. */
  decision: 'forward' | 'answer' | 'deny' | 'error' | 'abort'
  method: string
  scheme: string
  listener: string
  /** '' when none matched. */
  route: string
  service: string
  /** Of the refusal, '' when none: problem code, policy, rule, line of the configuration, reason. */
  problem: string
  policy: string
  rule: string
  where: string
  reason: string
  /** Names of the policies that would have denied in shadow mode, comma-separated. */
  shadow: string
  /** `host:port` of the target, '' when none was asked. */
  target: string
}

/** Who asked. */
export interface Client {
  clientIp: string
  host: string
  userAgent: string
  authMethod: string
  consumer: string
  subject: string
  issuer: string
  credential: string
}

/** A record with nothing in it: what a worker fills and reuses. */
export function emptyRecord(): AccessRecord {
  return {
    time: 0,
    duration: 0,
    upstreamTime: -1,
    bytesIn: 0,
    bytesOut: 0,
    id: '',
    traceId: '',
    path: '',
    query: '',
    ...emptyOutcome(),
    ...emptyClient()
  }
}

export function emptyOutcome(): Outcome {
  return {
    status: 0,
    worker: 0,
    generation: 0,
    decision: 'answer',
    method: '',
    scheme: '',
    listener: '',
    route: '',
    service: '',
    problem: '',
    policy: '',
    rule: '',
    where: '',
    reason: '',
    shadow: '',
    target: ''
  }
}

export function emptyClient(): Client {
  return {
    clientIp: '',
    host: '',
    userAgent: '',
    authMethod: '',
    consumer: '',
    subject: '',
    issuer: '',
    credential: ''
  }
}
