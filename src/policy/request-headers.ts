import { IDENTITY_FIELDS } from '../field-names.ts'
import type { Places } from '../plan/auth.ts'
import type { HeaderOperations } from '../plan/headers.ts'
import type { IdentityPlan } from '../plan/identity.ts'
import type { RepeatedFields } from '../repeated-fields.ts'
import type { RequestView } from '../request.ts'
import { withoutCookies } from './cookie.ts'
import { applyOperations, operationsProblem, prepareOperations, type PreparedOperations } from './field-operations.ts'
import { withoutParameters } from './query.ts'

/** What of a request's head goes to the upstream, and what is said to it in addition. Prepared once per route. */
export interface PreparedRequestHeaders {
  /** Credentials to take out. */
  readonly strip: Places
  /** Whether the caller, the request's id and trace, and where it came from are told. */
  readonly tell: boolean
  readonly operations: PreparedOperations
}

/** What only the exchange knows. */
export interface Hop {
  /** `Host` to send. */
  readonly host: string
  /** `Host` as received, with its port. */
  readonly authority: string
  /** Who is told to have come before the peer, as X-Forwarded-For lists it; '' where the peer is the client. */
  readonly before: string
  /** The connection's own peer, which is the proxy when there is one. */
  readonly peerIp: string
  /** The peer is a trusted proxy: the scheme and the host that it says are passed on. */
  readonly trustedPeer: boolean
  /** nextTraceparent's. */
  readonly traceparent: string
  /** identityFields' of the caller. */
  readonly identity: RepeatedFields
  /** `Authorization` of the gateway's own; '' where the route says nothing of a token. */
  readonly authorization: string
}

const NO_PLACES: Places = Object.freeze({ header: [], cookie: [], query: [] })

/**
 * Fields of one connection (RFC 9110 section 7.6.1), of the body's framing, and of the request's destination: the
 * next hop has its own.
 */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade'
])

/**
 * Fields by which frameworks let a client say that another path or method is meant than the one that was matched and
 * judged here, or claim another origin than the one told below; and `Proxy`, which CGI turns into HTTP_PROXY
 * (CVE-2016-5385).
 */
const OVERRIDE_FIELDS: ReadonlySet<string> = new Set([
  'forwarded',
  'proxy',
  'x-envoy-original-path',
  'x-host',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-original-host',
  'x-original-method',
  'x-original-uri',
  'x-original-url',
  'x-override-url',
  'x-real-ip',
  'x-rewrite-url'
])

/**
 * Where balancers and networks of delivery write their client's address, and frameworks look for it, some before
 * X-Forwarded-For: of a trusted proxy they are its own, of anyone else a claim to be somebody else.
 */
const CLAIMS_OF_ORIGIN: ReadonlySet<string> = new Set([
  'cf-connecting-ip',
  'cf-connecting-ipv6',
  'cf-pseudo-ipv4',
  'client-ip',
  'do-connecting-ip',
  'fastly-client-ip',
  'fly-client-ip',
  'forwarded-for',
  'true-client-ip',
  'x-appengine-user-ip',
  'x-azure-clientip',
  'x-azure-socketip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-envoy-external-address',
  'x-forwarded',
  'x-originating-ip',
  'x-remote-addr',
  'x-remote-ip'
])

const LIMITS = { fixed: CONNECTION_FIELDS, trusted: IDENTITY_FIELDS }

/** What is wrong with `headers.request` of a route, or null: for the check of the configuration. */
export function requestOperationsProblem(operations: HeaderOperations): string | null {
  return operationsProblem(operations, LIMITS)
}

/**
 * @param credentials where the route's `auth` reads them
 * @throws what requestOperationsProblem names
 */
export function prepareRequestHeaders(
  operations: HeaderOperations,
  identity: IdentityPlan,
  credentials: Places
): PreparedRequestHeaders {
  const kept = identity.credentials === 'strip' ? credentials : NO_PLACES
  return {
    strip: identity.token === undefined ? kept : { ...kept, header: [...kept.header, 'authorization'] },
    tell: identity.headers,
    operations: prepareOperations(operations, LIMITS)
  }
}

/**
 * Whether the identity and the origin are sent as they are: then they are not among `requestHeaders`, but sent behind them.
 * Operations may change any field.
 */
export function repeats({ tell, operations }: PreparedRequestHeaders): boolean {
  return tell && operations.empty
}

/**
 * Flat name, value pairs for the transport, `host` first, names lower-case; without what `repeats`. What Connection names is
 * not in `view` any more (pipeline/client.ts).
 */
export function requestHeaders(prepared: PreparedRequestHeaders, view: RequestView, hop: Hop): string[] {
  const { names, values } = view.headers
  const { strip } = prepared
  const continued = hop.trustedPeer && continues(view, hop.traceparent)
  const fields = ['host', hop.host]
  for (let i = 0; i < names.length; i++) {
    const name = names[i] ?? ''
    const value = values[i] ?? ''
    if (name === 'te') {
      // Says that trailers are understood, which is true of the way back through us.
      if (hasWord(value, 'trailers')) fields.push('te', 'trailers')
      continue
    }
    const kind = kindOf(name)
    if (kind === OURS || (kind === CLAIM && !hop.trustedPeer) || strip.header.includes(name)) continue
    if (name === 'tracestate' && !continued) continue
    if (name === 'cookie' && strip.cookie.length > 0) {
      const rest = withoutCookies(value, strip.cookie)
      if (rest !== '') fields.push(name, rest)
      continue
    }
    fields.push(name, value)
  }
  if (prepared.tell) fields.push('x-request-id', view.id, 'traceparent', hop.traceparent)
  if (prepared.tell && !repeats(prepared)) {
    const { list } = hop.identity
    for (let i = 0; i < list.length; i++) fields.push(list[i] ?? '')
    tellOrigin(fields, view, hop)
  }
  applyOperations(prepared.operations, view, fields)
  if (hop.authorization !== '') fields.push('authorization', hop.authorization)
  return fields
}

/** The query to send on, without the credentials in it. */
export function requestQuery(prepared: PreparedRequestHeaders, view: RequestView): string {
  return withoutParameters(view.query, prepared.strip.query)
}

/** A power of two. */
const SLOTS = 1024
/** Longer names are not remembered, so that the memory stays within a few ten kilobytes. */
const MAX_REMEMBERED = 64
const remembered: string[] = Array.from({ length: SLOTS }, () => '')
const rememberedKinds = new Uint8Array(SLOTS)

const ORDINARY = 0
/** Only we, or nobody, may send it on. */
const OURS = 1
/** Only of a trusted proxy. */
const CLAIM = 2

/**
 * Whose a field is. Names come again with every request, and comparing one takes
 * 0.05 µs where looking it up in all the lists takes 0.3; a name that nobody had before takes another's place in the memory.
 */
function kindOf(name: string): number {
  const { length } = name
  if (length < 3 || length > MAX_REMEMBERED) return listedAs(name)
  const ends = name.charCodeAt(length - 3) * 19 + name.charCodeAt(length - 1) * 7
  const slot = (length * 33 + name.charCodeAt(0) * 13 + ends) & (SLOTS - 1)
  if (remembered[slot] !== name) {
    rememberedKinds[slot] = listedAs(name)
    remembered[slot] = name
  }
  return rememberedKinds[slot] ?? ORDINARY
}

function listedAs(name: string): number {
  // CGI and WSGI turn both `-` and `_` into `_`: x_consumer would arrive there as X-Consumer.
  const plain = name.includes('_') ? name.replaceAll('_', '-') : name
  if (CONNECTION_FIELDS.has(plain) || IDENTITY_FIELDS.has(plain) || OVERRIDE_FIELDS.has(plain)) return OURS
  if (plain.startsWith('x-forwarded-') || plain.startsWith('proxy-')) return OURS
  return CLAIMS_OF_ORIGIN.has(plain) ? CLAIM : ORDINARY
}

function hasWord(list: string, word: string): boolean {
  return list
    .toLowerCase()
    .split(',')
    .some((item) => item.trim() === word)
}

/** Whether our trace is the one received: then its vendors' state goes along, else it speaks of another trace. */
function continues(view: RequestView, traceparent: string): boolean {
  const received = view.headers.get('traceparent')
  return received !== undefined && received.slice(3, 35) === traceparent.slice(3, 35)
}

/** Where the request came from, and what was asked for: the same for two equal requests of one client. */
export function tellOrigin(fields: string[], view: RequestView, hop: Omit<Hop, 'host'>): void {
  fields.push('x-forwarded-for', hop.before === '' ? hop.peerIp : `${hop.before}, ${hop.peerIp}`)
  fields.push('x-forwarded-proto', forwardedProto(view, hop.trustedPeer))
  fields.push('x-forwarded-host', forwardedHost(view, hop))
}

function forwardedProto(view: RequestView, trusted: boolean): string {
  const said = trusted ? view.headers.get('x-forwarded-proto') : undefined
  return said === 'http' || said === 'https' ? said : view.scheme
}

function forwardedHost(view: RequestView, hop: Omit<Hop, 'host'>): string {
  const said = hop.trustedPeer ? view.headers.get('x-forwarded-host') : undefined
  return said !== undefined && isAuthority(said) ? said : hop.authority
}

/** Letters, digits and `-._:[]`: a host with or without port, and no list of them. */
function isAuthority(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i) | 0x20
    const alphanumeric = (c >= 0x61 && c <= 0x7a) || (c >= 0x30 && c <= 0x39)
    if (!alphanumeric && !'-._:[]'.includes(text.charAt(i))) return false
  }
  return text.length > 0 && text.length <= 260
}
