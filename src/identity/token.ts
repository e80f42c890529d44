/**
 * The shape of a compact JWS (RFC 7515 section 7.1), checked in full before any cryptography. jose accepts unlimited
 * spellings of one token; here each token has one, which is what lets the verification cache be keyed by the text:
 * with canonical segments, text and (signing input, signature bytes) determine each other.
 *
 * Reasons are for the owner's log: they say what is wrong and never quote the token.
 */
import { ALGORITHMS } from './algorithms.ts'
import { decodeCanonical } from './base64url.ts'
import { parseObject } from './json.ts'

/** Longest token taken, in characters: several times a large access token, and half of the default request head. */
export const MAX_TOKEN_LENGTH = 8192

export interface Jws {
  readonly ok: true
  readonly alg: string
  readonly kid: string | null
  readonly typ: string | null
  /** As sent. Never a token's own proof: for proofs of possession, which are about that very key (dpop.ts). */
  readonly jwk: unknown
  readonly payload: Buffer
}

export interface Malformed {
  readonly ok: false
  readonly reason: string
}

/** Splits and checks. The payload is decoded but not read: see `parsePayload`. */
export function parseJws(token: string): Jws | Malformed {
  if (token.length > MAX_TOKEN_LENGTH) return malformed(`the token is longer than ${MAX_TOKEN_LENGTH} characters`)
  const first = token.indexOf('.')
  const second = first < 0 ? -1 : token.indexOf('.', first + 1)
  if (second < 0) return malformed('the token does not have three parts')
  if (token.indexOf('.', second + 1) >= 0) {
    return malformed('the token has more than three parts; an encrypted one (five) is not taken')
  }
  const header = readHeader(token.slice(0, first))
  if (header === null) return malformed('the header is not canonical base64url')
  const payload = decodeCanonical(token.slice(first + 1, second))
  if (payload === null) return malformed('the payload is not canonical base64url')
  if (decodeCanonical(token.slice(second + 1)) === null) return malformed('the signature is not canonical base64url')
  if (second + 1 === token.length) return malformed('the token is not signed')
  if (!header.ok) return header
  const { alg, kid, typ, jwk } = header
  return { ok: true, alg, kid, typ, jwk, payload }
}

interface Header {
  readonly ok: true
  readonly alg: string
  readonly kid: string | null
  readonly typ: string | null
  readonly jwk: unknown
}

/**
 * Good headers read lately, by their text: an issuer's tokens share one, and to read it takes as long as the claims.
 * What a client sends gets in here, so it is bounded; whoever pushes others out costs them that time.
 */
const headers = new Map<string, Header>()
const HEADERS = 64
const HEADER_LENGTH = 512

/** Null: it is not canonical base64url. */
function readHeader(text: string): Header | Malformed | null {
  const known = headers.get(text)
  if (known !== undefined) return known
  const bytes = decodeCanonical(text)
  if (bytes === null) return null
  const header = judgeHeader(bytes)
  // A key is for one proof of possession, and an object that must not be shared.
  if (!header.ok || header.jwk !== undefined || text.length > HEADER_LENGTH) return header
  if (headers.size >= HEADERS) for (const oldest of headers.keys()) if (headers.delete(oldest)) break
  // A copy: a slice would keep the whole head of its request in memory.
  headers.set(bytes.toString('base64url'), header)
  return header
}

function judgeHeader(bytes: Buffer): Header | Malformed {
  const header = parseObject(bytes, 'header')
  if (!header.ok) return header
  // jku, jwk, x5u and x5c would let the token say which key proves it (RFC 8725 section 3.10): nothing is looked up by
  // them.
  const { alg, kid, typ, crit, b64, jwk } = header.value
  if (typeof alg !== 'string') return malformed('the header has no alg')
  if (!ALGORITHMS.has(alg)) return malformed('alg names no signature algorithm taken here')
  if (kid !== undefined && typeof kid !== 'string') return malformed('kid is not a string')
  if (typ !== undefined && typeof typ !== 'string') return malformed('typ is not a string')
  // No extension is understood here, and RFC 7515 section 4.1.11 refuses what names one as critical.
  if (crit !== undefined) return malformed('crit asks for an extension; none is taken')
  // RFC 7797's unencoded payload: with or without crit, another reading of the same bytes.
  if (b64 !== undefined) return malformed('b64 is not taken')
  return { ok: true, alg, kid: kid ?? null, typ: typ ?? null, jwk }
}

/** Of a token that `parseJws` took: the bytes that the signature covers, and the signature. */
export function signedParts(token: string): { input: Buffer; signature: Buffer } {
  const cut = token.lastIndexOf('.')
  return {
    input: Buffer.from(token.slice(0, cut), 'latin1'),
    signature: Buffer.from(token.slice(cut + 1), 'base64url')
  }
}

export type Claims = Readonly<Record<string, unknown>>

/** The payload as a JWT's claims set (RFC 7519 section 7.2), strictly. */
export function parsePayload(jws: Jws): { readonly ok: true; readonly claims: Claims } | Malformed {
  const parsed = parseObject(jws.payload, 'payload')
  return parsed.ok ? { ok: true, claims: parsed.value } : parsed
}

function malformed(reason: string): Malformed {
  return { ok: false, reason }
}
