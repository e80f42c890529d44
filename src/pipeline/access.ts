import { monotonicMs } from '../memory/clock.ts'
import type { AccessRecord } from '../observe/record.ts'
import { traceIdOf } from '../policy/trace.ts'
import type { Exchange } from './exchange.ts'

/** Writes down what the stages know of an exchange; what only its worker knows (status, bytes, target) is the worker's to add. */
export function accessRecord(x: Exchange, into: AccessRecord): void {
  const { caller, refusal } = x
  into.duration = Math.round((monotonicMs() - x.startedAt) * 1000)
  into.generation = x.tables.head.generation
  into.id = x.id
  into.traceId = x.traceparent === '' ? '' : traceIdOf(x.traceparent)
  into.method = x.method
  into.scheme = x.scheme
  into.host = x.host
  into.path = x.path === '' ? x.rawPath : x.path
  into.query = redact(x.query, x.tables.credentialParameters)
  into.clientIp = x.clientIp
  into.listener = x.listener
  into.userAgent = x.tables.hidesUserAgent ? '***' : (x.headers.get('user-agent') ?? '')
  into.route = x.routeName
  into.service = x.serviceName
  into.problem = refusal?.problem.code ?? ''
  into.policy = refusal?.policy ?? ''
  into.rule = refusal?.rule ?? ''
  into.where = refusal?.where ?? ''
  into.reason = refusal?.reason ?? ''
  into.shadow = x.shadows.length === 0 ? '' : x.shadows.join(',')
  into.authMethod = x.route === null ? '' : caller.method
  into.consumer = caller.consumer
  into.subject = caller.subject
  into.issuer = caller.issuer
  into.credential = caller.credential
}

/** Parameters that carry credentials by custom, whether or not a route reads them there: a lost one must not end in a log. */
const CUSTOMARY: ReadonlySet<string> = new Set([
  'access_token',
  'api_key',
  'apikey',
  'client_secret',
  'code',
  'id_token',
  'jwt',
  'key',
  'password',
  'refresh_token',
  'secret',
  'sig',
  'signature',
  'token'
])

/** By what any route reads, not only the one that was met: a credential sent to the wrong path is still one. */
function redact(query: string, read: ReadonlySet<string>): string {
  if (query === '' || !query.includes('=')) return query
  return query
    .split('&')
    .map((pair) => {
      const equals = pair.indexOf('=')
      if (equals < 0) return pair
      const name = pair.slice(0, equals)
      const plain = decodeName(name).toLowerCase()
      return CUSTOMARY.has(plain) || read.has(plain) ? `${name}=***` : pair
    })
    .join('&')
}

/** A parameter's name may be percent-encoded to hide it from this very check. */
function decodeName(name: string): string {
  try {
    return decodeURIComponent(name.replaceAll('+', ' '))
  } catch {
    return name
  }
}
