/** The heads of messages: what goes to the upstream, and what goes to the client, whoever answers. */
import { type AnswerFields, SharedFields } from '../answer-fields.ts'
import { identityFields } from '../policy/identity-fields.ts'
import { type Hop, repeats, requestHeaders, requestQuery, tellOrigin } from '../policy/request-headers.ts'
import { refusedHeaders, responseHeaders } from '../policy/response-headers.ts'
import type { Refusal } from '../problems.ts'
import type { Caller } from '../caller.ts'
import { NOTHING_REPEATED, RepeatedFields } from '../repeated-fields.ts'
import type { UpstreamRequest } from '../upstream/transport.ts'
import { forwardedPath } from './action.ts'
import type { Permit } from './authorize.ts'
import type { Exchange } from './exchange.ts'
import { chargeAnswer } from './limits.ts'
import type { Answer } from './verdict.ts'

/**
 * What is told of callers whose credential is not kept: the same few objects for ever. Of the others it lives and dies
 * with their memo: a WeakMap in which callers come and go keeps each until the old generation is collected.
 */
const unkept = new WeakMap<Caller, RepeatedFields>()

/** What the upstream is asked. */
export function upstreamRequest(permit: Permit, x: Exchange): UpstreamRequest {
  const { action, requestHeaders: prepared } = permit.route
  if (action.kind !== 'forward') throw new Error(`route ${permit.route.plan.name} has no upstream`)
  const query = requestQuery(prepared, x)
  const path = forwardedPath(action, x)
  const hop = hopOf(x, action.host ?? x.authority, authorizationOf(permit, x, path))
  const repeated = repeats(prepared) ? [hop.identity, originOf(x, hop)] : NOTHING_REPEATED
  return {
    method: x.method,
    path: query === '' ? path : `${path}?${query}`,
    headers: requestHeaders(prepared, x, hop),
    repeated,
    // Of a body in chunks that was held, the length is known.
    bodyLength: x.bodyHeld === null ? x.size : x.bodyHeld.length,
    client: x
  }
}

/** What the exchange knows of its own hop; `host` is to whom the request goes. */
export function hopOf(x: Exchange, host: string, authorization = ''): Hop {
  const peerIp = x.trustedPeer ? x.peer.seenBy(x.listenerTable.client).ip : x.clientIp
  return {
    host,
    authority: x.authority,
    before: x.trustedPeer ? before(x, peerIp) : '',
    peerIp,
    trustedPeer: x.trustedPeer,
    traceparent: x.traceparent,
    identity: identityOf(x),
    authorization
  }
}

/**
 * A proxy that keeps the list is believed it. One that names the client in another way need not have touched the
 * client's own X-Forwarded-For: then the client is who the listener found it to be.
 */
function before(x: Exchange, peerIp: string): string {
  if (x.listenerTable.plan.client.addressFrom.kind === 'x-forwarded-for')
    return x.headers.joined('x-forwarded-for') ?? ''
  return x.clientIp === peerIp ? '' : x.clientIp
}

function authorizationOf({ route }: Permit, x: Exchange, path: string): string {
  const { token } = route.plan.identity
  return token === undefined ? '' : `Bearer ${x.tables.services.minter.token(token, x.caller, x.method, path, x.now)}`
}

/** A cached caller's fields are the same for each of its requests. */
function identityOf({ caller, memo }: Exchange): RepeatedFields {
  const known = (memo === null ? unkept.get(caller) : memo.told) ?? null
  if (known !== null) {
    known.again = true
    return known
  }
  const fields = new RepeatedFields(identityFields(caller))
  if (memo === null) unkept.set(caller, fields)
  else memo.told = fields
  return fields
}

/** Requests of an address that is no trusted proxy's come from one place, and ask for one host nearly always. */
function originOf(x: Exchange, hop: Hop): RepeatedFields {
  const { peer } = x
  const last = peer.told
  const alike =
    last !== null &&
    !x.trustedPeer &&
    last.authority === x.authority &&
    last.ip === hop.peerIp &&
    last.scheme === x.scheme
  if (alike) {
    last.fields.again = true
    return last.fields
  }
  const list: string[] = []
  tellOrigin(list, x, hop)
  const fields = new RepeatedFields(list)
  peer.told = x.trustedPeer ? null : { authority: x.authority, ip: hop.peerIp, scheme: x.scheme, fields }
  return fields
}

/** An upstream's answer as the client gets it; a string says why it can't be sent. */
export function clientHeaders(
  x: Exchange,
  answered: readonly string[]
): { fields: AnswerFields; length: number } | string {
  const told = chargeAnswer(x, answered)
  const fields = compose(x, told, ownFields(x))
  return typeof fields === 'string' ? fields : { fields, length: contentLength(answered) }
}

/** -1 when the upstream named none. The transport has checked that it is a number. */
function contentLength(answered: readonly string[]): number {
  for (let i = 0; i < answered.length; i += 2) if (answered[i] === 'content-length') return Number(answered[i + 1])
  return -1
}

/** Fields of an answer of Gatehouse's own. */
export function answerHeaders(x: Exchange, answer: Answer): AnswerFields {
  chargeAnswer(x, null)
  // A preflight's answer is its CORS fields and nothing else of CORS.
  if (answer.by === 'cors') return { shared: NOTHING_SHARED, own: [...answer.headers, ...ownFields(x)] }
  const fields = compose(x, answer.headers, ownFields(x))
  if (typeof fields === 'string') throw new Error(`${answer.by}: ${fields}`)
  return fields
}

/** Fields of a refusal: the problem's, those the status calls for, and CORS, so that a page can read why. */
export function refusalHeaders(x: Exchange, refusal: Refusal): AnswerFields {
  chargeAnswer(x, null)
  const fields = refusedHeaders(x.route?.responseHeaders ?? x.tables.plain, x, refusal, ownFields(x))
  if (typeof fields === 'string') throw new Error(`${refusal.policy}: ${fields}`)
  return fields
}

const NO_FIELDS: readonly string[] = Object.freeze([])

const NOTHING_SHARED = new SharedFields(NO_FIELDS, false)

/** The request's id, so that whoever asks can be told what happened; and how much of each limit is left. */
function ownFields({ id, rateLimitPolicy, rateLimit }: Exchange): string[] {
  return rateLimitPolicy === ''
    ? ['x-request-id', id]
    : ['x-request-id', id, 'ratelimit-policy', rateLimitPolicy, 'ratelimit', rateLimit]
}

function compose(x: Exchange, answered: readonly string[], own: string[]): AnswerFields | string {
  const prepared = x.route?.responseHeaders ?? x.tables.plain
  const origin = prepared.cors === null ? undefined : x.headers.get('origin')
  return responseHeaders(prepared, x, answered, origin, own)
}
