/**
 * Who may speak to the admin API on an address: whoever holds the token. Browsers never do it by accident: a page of
 * another origin is refused by its Origin, a page whose name was pointed at this address (DNS rebinding) by its Host.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { parseIp, prefixKey } from '../../ip.ts'
import { AdminProblem } from './resource.ts'

/** Wrong tokens that one client address may send in a minute; further calls of it are refused unseen until the minute is over. */
const MOST_GUESSES = 10
const WINDOW = 60_000
/** Client addresses remembered; the one that guessed first is forgotten first. */
const MOST_GUESSERS = 1024
/** Clients of one IPv6 network count as one. */
const IPV6_PREFIX = 64

interface Guesser {
  wrong: number
  /** ms since the epoch. */
  until: number
}

export interface DoorkeeperSettings {
  /** SHA-256 of the token, hex. */
  tokenHash: string
  /** Host names that a call may name, besides `localhost` and IP addresses; `*.x` is one label. */
  hosts: readonly string[]
}

export class Doorkeeper {
  #token: Buffer
  #hosts: readonly string[]
  readonly #tls: boolean
  readonly #guessers = new Map<string, Guesser>()
  readonly #now: () => number

  constructor(settings: DoorkeeperSettings, tls: boolean, now: () => number = Date.now) {
    this.#token = Buffer.from(settings.tokenHash, 'hex')
    this.#hosts = settings.hosts
    this.#tls = tls
    this.#now = now
  }

  use({ tokenHash, hosts }: DoorkeeperSettings): void {
    this.#token = Buffer.from(tokenHash, 'hex')
    this.#hosts = hosts
  }

  /**
   * @param open the resource needs no token
   * @throws AdminProblem 401, 403, 421 or 429
   */
  admit(request: IncomingMessage, open: boolean): void {
    this.#checkOrigin(request)
    if (open) return
    const client = clientOf(request)
    const now = this.#now()
    const guesser = this.#guessers.get(client)
    if (guesser !== undefined && guesser.until <= now) this.#guessers.delete(client)
    else if (guesser !== undefined && guesser.wrong >= MOST_GUESSES) {
      const wait = String(Math.ceil((guesser.until - now) / 1000))
      throw new AdminProblem(429, 'too many wrong tokens from this address', { 'retry-after': wait })
    }
    const { authorization } = request.headers
    if (authorization !== undefined && this.#fits(authorization)) return
    // A call without any is a question how to call, not a guess.
    if (authorization !== undefined) this.#wrong(client, now)
    throw new AdminProblem(401, 'this takes the token of admin.token as "Authorization: Bearer …"', {
      'www-authenticate': 'Bearer realm="gatehouse"'
    })
  }

  /** Compares digests, in constant time: neither length nor prefix of the token shows in how long it takes. */
  #fits(authorization: string): boolean {
    if (authorization.slice(0, 7).toLowerCase() !== 'bearer ') return false
    const presented = createHash('sha256').update(authorization.slice(7).trim(), 'latin1').digest()
    return timingSafeEqual(presented, this.#token)
  }

  #wrong(client: string, now: number): void {
    const guesser = this.#guessers.get(client)
    if (guesser !== undefined && guesser.until > now) {
      guesser.wrong++
      return
    }
    this.#guessers.delete(client)
    if (this.#guessers.size >= MOST_GUESSERS) {
      const [first] = this.#guessers.keys()
      if (first !== undefined) this.#guessers.delete(first)
    }
    this.#guessers.set(client, { wrong: 1, until: now + WINDOW })
  }

  #checkOrigin({ headers }: IncomingMessage): void {
    const authority = headers.host ?? ''
    if (!this.#isOurs(authority)) throw new AdminProblem(421, 'the Host is not one of this address')
    const { origin } = headers
    if (origin !== undefined && origin !== `${this.#tls ? 'https' : 'http'}://${authority}`)
      throw new AdminProblem(403, 'pages of other origins may not call this')
    const site = headers['sec-fetch-site']
    if (site !== undefined && site !== 'same-origin' && site !== 'none')
      throw new AdminProblem(403, 'pages of other sites may not call this')
  }

  /** An attacker can point any name of theirs at this address, but can't make it `localhost`, an address or a name of the certificate. */
  #isOurs(authority: string): boolean {
    const name = hostOf(authority)
    if (name === null) return false
    if (name === 'localhost' || isIP(name) !== 0) return true
    const dot = name.indexOf('.')
    return this.#hosts.some((host) => host === name || (dot > 0 && host === `*${name.slice(dot)}`))
  }
}

/** The host of a Host field, lower-case and without brackets; null when it is none. */
function hostOf(authority: string): string | null {
  const match = /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9.-]{1,253}))(?::[0-9]{1,5})?$/i.exec(authority)
  return match === null ? null : (match[1] ?? match[2] ?? '').toLowerCase()
}

function clientOf(request: IncomingMessage): string {
  const address = parseIp(request.socket.remoteAddress ?? '')
  return address === null ? '' : prefixKey(address, IPV6_PREFIX)
}
