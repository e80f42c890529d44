/**
 * What is known of one exchange when it ends: written by a worker into its ring (memory/ring.ts), read by the
 * control thread, which makes the access line, the metrics and later spans and analytics of it.
 * Strings are capped when written (`CAPS` of the codec); numbers are as named.
 */
export interface AccessRecord {
  /** End of the exchange, ms since the epoch. */
  time: number
  /** First byte in to last byte out, µs. */
  duration: number
  /** µs from handing the request to the upstream to its answer's head; -1 when none was asked. */
  upstreamTime: number
  status: number
  /** Body bytes from and to the client. */
  bytesIn: number
  bytesOut: number
  worker: number
  /** Plan generation that decided. */
  generation: number
  id: string
  traceId: string
  method: string
  scheme: string
  host: string
  path: string
  /** With the values of credential parameters already replaced by `***`. */
  query: string
  clientIp: string
  listener: string
  userAgent: string
  /** '' when none matched. */
  route: string
  service: string
  /** `forward`: an upstream answered; `answer`: Gatehouse itself did (respond, preflight, ready, redirect); `deny`: a policy refused; `error`: upstream or gateway failed; `abort`: the client left first. */
  decision: 'forward' | 'answer' | 'deny' | 'error' | 'abort'
  /** Of the refusal, '' when none: problem code, policy, rule, line of the configuration, reason. */
  problem: string
  policy: string
  rule: string
  where: string
  reason: string
  /** Names of the policies that would have denied in shadow mode, comma-separated. */
  shadow: string
  authMethod: string
  consumer: string
  subject: string
  issuer: string
  credential: string
  /** `host:port` of the target, '' when none was asked. */
  target: string
}
