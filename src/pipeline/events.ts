/**
 * What a request came to, told to detection at the one exit. A request that is no event costs a look into an array,
 * and one whose caller was seen from this address before a comparison of two texts.
 */
import { findSignature } from '../identity/message-signatures.ts'
import { keyOf } from '../policy/key.ts'
import { prepareLookup } from '../policy/lookup.ts'
import type { Places } from '../plan/auth.ts'
import type { EventPlan } from '../plan/threats.ts'
import type { KeyPart } from '../plan/values.ts'
import { cookieValue } from '../policy/cookie.ts'
import { queryParameter } from '../policy/query.ts'
import { CROWD_PERIOD, type Scenario } from '../threats/detector.ts'
import { isOfAnotherPage } from '../threats/honeypots.ts'
import type { Cause } from '../threats/bans.ts'
import { banClient } from './banning.ts'
import { findAddress } from './client.ts'
import type { Exchange } from './exchange.ts'
import type { BannedKey, Watch } from './threats.ts'

/** @param status as answered, 499 for a client that left */
export function countEvents(x: Exchange, status: number): void {
  const { threats } = x.tables
  if (!threats.active) return
  const watches = threats.watches[status]
  if (watches !== undefined && watches.length > 0) observe(x, status, watches)
  const { memo } = x
  if (memo !== null && x.permit !== null && (memo.seenFrom !== x.clientKey || memo.seenUntil < x.now)) succeeded(x)
}

/** One object for all events: what is kept of it is copied. */
const request = { time: 0, method: '', path: '', status: 0, id: '' }

function observe(x: Exchange, status: number, watches: readonly Watch[]): void {
  // Refused before anybody asked who it was.
  if (x.clientKey === '') findAddress(x)
  // A banned client that goes on is no news; counting it would make its ban everlasting.
  if (x.clientKey === '' || x.refusal?.policy === 'ban') return
  request.time = x.now
  request.method = x.method
  request.path = x.path === '' ? x.rawPath : x.path
  request.status = status
  request.id = x.id
  for (let i = 0; i < watches.length; i++) {
    const watch = watches[i]
    if (watch !== undefined && counts(watch.scenario.plan.count, x)) count(watch, x)
  }
}

function counts(event: EventPlan, x: Exchange): boolean {
  if (event.policies !== null && (x.refusal === null || !event.policies.includes(x.refusal.policy))) return false
  if (event.callers === 'any') return true
  return isIdentified(x) === (event.callers === 'identified')
}

function isIdentified(x: Exchange): boolean {
  return x.caller.method !== 'public' && x.caller.method !== 'anonymous'
}

function count({ scenario, under }: Watch, x: Exchange): void {
  const { distinct } = scenario.plan.count
  const item = distinct === null ? null : itemOf(distinct, x)
  if (item === '') return
  const ofPages = under === 'address' && distinct === 'path' && isOfAnotherPage(x.headers, x.authority)
  const key = under === 'address' ? addressKey(x, ofPages) : under === 'account' ? x.account : keyText(under, x)
  if (key === '') return
  if (x.tables.threats.never.has(x.clientAddress)) return
  const { detector, bans } = x.tables.services
  if (!detector.count(scenario, key, item, request)) return
  const cause = causeOf(scenario, key, x, ofPages)
  if (typeof under === 'string') banClient(x, cause)
  else bans.banKey(key, whoOf(under.parts, x), cause, x.now)
}

/**
 * Sixteen image tags are sixteen paths that are not there: what pages may have made counts by itself, and has its address
 * limited and not banned. Credentials, which no page can put into a header unasked, are another matter.
 */
function addressKey({ clientKey }: Exchange, ofPages: boolean): string {
  return ofPages ? `${clientKey} of pages` : clientKey
}

function keyText(under: BannedKey, x: Exchange): string {
  return under.prefix + keyOf(under.key, x)
}

function causeOf(scenario: Scenario, key: string, x: Exchange, ofPages: boolean): Cause {
  const { name, where, mode, ban: times, rate, count: event, by } = scenario.plan
  const { detector } = x.tables.services
  const bucket = detector.bucketOf(scenario, key)
  const what = event.distinct === null ? 'events' : `distinct ${PLURAL[event.distinct]}`
  const whose = by === 'account' ? ` against ${key}` : ofPages ? ', perhaps asked for by pages of others,' : ''
  return {
    scenario: name,
    where,
    reason: `more than ${rate.count} ${what}${whose} in ${rate.period / 1000} s`,
    times,
    mode,
    evidence: detector.evidence(bucket),
    bucket,
    ofPages
  }
}

const PLURAL = { path: 'paths', credential: 'credentials', object: 'objects', ip: 'addresses' } as const

/** What has to differ for events to count; '' when the request has no such thing. */
function itemOf(distinct: NonNullable<EventPlan['distinct']>, x: Exchange): string {
  switch (distinct) {
    case 'path':
      return request.path
    case 'ip':
      return x.clientKey
    case 'credential':
      return x.route === null ? '' : presented(x.route.auth.reads, x)
    case 'object':
      return objectOf(x)
  }
}

/**
 * Everything that stands where this route reads credentials. It is hashed and not kept. What is made anew for each request,
 * a proof of possession or a signature, would make another credential of one that is sent again and again.
 */
function presented(reads: Places, x: Exchange): string {
  let text = ''
  for (const name of reads.header) {
    if (name === 'signature-input') text += signerOf(x)
    else if (name !== 'dpop' && name !== 'signature') text += x.headers.joined(name) ?? ''
  }
  if (reads.cookie.length > 0) {
    const header = x.headers.joined('cookie')
    if (header !== undefined) for (const name of reads.cookie) text += cookieValue(header, name) ?? ''
  }
  for (const name of reads.query) {
    const value = queryParameter(x.query, name)
    if (typeof value === 'string') text += value
  }
  return text
}

/** Whom a signature claims to be by. */
function signerOf(x: Exchange): string {
  const signature = findSignature(x.headers)
  if (signature === null) return ''
  return 'keyId' in signature ? signature.keyId : signature.reason
}

/** What the route's `{x}` and `/*` took. */
function objectOf(x: Exchange): string {
  if (x.route === null) return ''
  let text = x.rest
  for (const name of x.match.pathNames) text += `/${x.pathParam(name) ?? ''}`
  return text
}

/** A key for people: `caller acme, route orders.read`. */
function whoOf(parts: readonly KeyPart[], x: Exchange): string {
  return parts
    .map((part) => {
      const word = 'name' in part ? `${part.kind}:${part.name}` : part.kind
      return `${word} ${prepareLookup(part)(x) ?? x.clientKey}`
    })
    .join(', ')
}

/** Told once per identity, address and half an hour. */
function succeeded(x: Exchange): void {
  const { memo, caller } = x
  if (memo === null || !isIdentified(x)) return
  memo.seenFrom = x.clientKey
  memo.seenUntil = x.now + CROWD_PERIOD
  x.tables.services.detector.succeeded(
    x.clientKey,
    caller.consumer === '' ? `${caller.issuer} ${caller.subject}` : caller.consumer
  )
}
