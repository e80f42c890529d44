/**
 * Finding an issuer's key set from its name alone: OpenID Connect Discovery 1.0 section 4, and RFC 8414 for providers
 * that speak OAuth only. The document is kept for as long as its server says; an unknown key asks for the key set
 * again, never for the document.
 */
import { parseObject } from '../../identity/json.ts'
import { NotFound } from '../../upstream/document.ts'
import { httpUrl, isLoopback } from '../config/units.ts'
import type { FetchJson } from './key-source.ts'

const LIMITS = { timeout: 5000, maxBytes: 1 << 18 }
const MAX_ADDRESS = 2048
const MINUTE = 60_000
/** How long a document holds, ms: what its server may ask for, and what holds when it asks nothing. */
const MIN_AGE = 5 * MINUTE
const MAX_AGE = 24 * 60 * MINUTE
const DEFAULT_AGE = 60 * MINUTE

/**
 * Where the documents of `issuer` are, in the order they are looked for. OpenID Connect appends the well-known part to
 * the issuer's path, RFC 8414 section 3.1 puts it before. Null: `issuer` is no URL that anything may be fetched from:
 * https, or http on loopback, without user, query and fragment.
 */
export function discoveryUrls(issuer: string): [string, string] | null {
  const url = fetchable(issuer)
  if (url === null || /[?#]/.test(issuer)) return null
  const path = url.pathname.endsWith('/') ? url.pathname.slice(0, -1) : url.pathname
  return [
    `${url.origin}${path}/.well-known/openid-configuration`,
    `${url.origin}/.well-known/oauth-authorization-server${path}`
  ]
}

/** One issuer's document, as far as keys go. */
export class Discovery {
  readonly #issuer: string
  readonly #urls: readonly string[]
  readonly #fetchJson: FetchJson
  readonly #clock: () => number
  #keySetUrl = ''
  #holdsUntil = -Infinity

  constructor(issuer: string, urls: readonly string[], fetchJson: FetchJson, clock: () => number) {
    this.#issuer = issuer
    this.#urls = urls
    this.#fetchJson = fetchJson
    this.#clock = clock
  }

  /**
   * Address of the key set. Fetches the document when none is held or its time is over; not for `again`, which takes
   * one that is held whatever its age. Rejects with an Error for people.
   */
  async keySetUrl(again: boolean): Promise<string> {
    if (this.#keySetUrl === '' || (!again && this.#clock() >= this.#holdsUntil)) await this.#fetch()
    return this.#keySetUrl
  }

  /** The key set was not where the document says: it is to be read again before the next scheduled attempt. */
  distrust(): void {
    this.#holdsUntil = -Infinity
  }

  async #fetch(): Promise<void> {
    const { url, body, cacheSeconds } = await this.#document()
    this.#keySetUrl = keySetOf(body, this.#issuer, url)
    const age = cacheSeconds === null ? DEFAULT_AGE : Math.min(Math.max(cacheSeconds * 1000, MIN_AGE), MAX_AGE)
    this.#holdsUntil = this.#clock() + age
  }

  async #document(): Promise<{ url: string; body: string; cacheSeconds: number | null }> {
    let missing: unknown
    for (const url of this.#urls) {
      try {
        return { url, ...(await this.#fetchJson(url, LIMITS)) }
      } catch (error) {
        // Only a server that says that there is none is asked for the other kind: one that is down is down.
        if (!(error instanceof Error && error.cause instanceof NotFound)) throw error
        missing ??= error
      }
    }
    throw missing
  }
}

function keySetOf(body: string, issuer: string, url: string): string {
  const parsed = parseObject(Buffer.from(body), 'discovery document')
  if (!parsed.ok) throw new Error(`${url}: ${parsed.reason}`)
  const { issuer: named, jwks_uri: address } = parsed.value
  // OpenID Connect Discovery section 4.3: exactly, or another issuer of the same host could put its keys under this name.
  if (named !== issuer) throw new Error(`${url}: the document is of another issuer (${quote(named)})`)
  if (typeof address !== 'string') throw new Error(`${url}: the document has no jwks_uri`)
  // It is named in each message about the key set.
  if (address.length > MAX_ADDRESS) throw new Error(`${url}: its jwks_uri is longer than ${MAX_ADDRESS} characters`)
  const keySet = fetchable(address)
  if (keySet === null || (keySet.protocol === 'http:' && new URL(url).protocol === 'https:')) {
    throw new Error(`${url}: its jwks_uri (${quote(address)}) is no https url`)
  }
  return address
}

function fetchable(text: string): URL | null {
  const url = httpUrl(text)
  return url !== null && (url.protocol === 'https:' || isLoopback(url)) ? url : null
}

/** Out of a document that somebody else wrote, made fit for a log line. */
function quote(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 200)) : 'no text'
}
