/** `issuers`: whose tokens are taken, and where their keys are. */
import { createHash } from 'node:crypto'
import { ALGORITHMS } from '../config/schema/identity.ts'
import type { IssuerConfig } from '../config/schema.ts'
import { discoveryUrls } from '../keys/discovery.ts'
import { lintKeySet, parseKeySet } from '../keys/key-set.ts'
import type { IntrospectionPlan, IssuerPlan, JwksPlan } from '../../plan/issuer.ts'
import { duration } from './checked.ts'
import type { Documents } from './documents.ts'
import type { Path, Report } from './report.ts'
import type { Upstreams } from './upstreams.ts'

const CLOCK_SKEW = 30_000
const INTROSPECTION_CACHE = 30_000
/** HMAC keys verify and sign alike, so they are for issuers that say so. */
const ASYMMETRIC = ALGORITHMS.filter((algorithm) => !algorithm.startsWith('HS'))

type KeysConfig = Exclude<IssuerConfig['jwks'], undefined>
type IntrospectionConfig = Exclude<IssuerConfig['introspection'], undefined>

/** The issuers of one configuration. */
export class Issuers {
  readonly plans: IssuerPlan[]
  /** Digests of the key set files, which the plan only names. */
  readonly contents: string[] = []
  readonly #documents: Documents
  readonly #upstreams: Upstreams
  readonly #report: Report

  constructor(issuers: readonly IssuerConfig[], documents: Documents, upstreams: Upstreams, report: Report) {
    this.#documents = documents
    this.#upstreams = upstreams
    this.#report = report
    this.plans = issuers.map((issuer, i) => this.#compile(issuer, ['issuers', i]))
  }

  #compile(issuer: IssuerConfig, path: Path): IssuerPlan {
    const algorithms = issuer.algorithms ?? ASYMMETRIC
    if (issuer.audiences === 'any')
      this.#report.widening([...path, 'audiences'], 'audiences: any takes tokens that were made for other services')
    return {
      name: issuer.name,
      issuer: issuer.issuer,
      audiences: issuer.audiences,
      algorithms: [...algorithms],
      typ: issuer.typ ?? null,
      required: issuer.required ?? [],
      equal: issuer.equal ?? {},
      clockSkew: issuer.clockSkew === undefined ? CLOCK_SKEW : duration(issuer.clockSkew),
      maxAge: issuer.maxAge === undefined ? null : duration(issuer.maxAge),
      scopesClaim: listOf(issuer.scopesClaim),
      groupsClaim: listOf(issuer.groupsClaim),
      consumerClaim: issuer.consumerClaim ?? null,
      attributes: issuer.attributes ?? {},
      jwks:
        issuer.jwks === undefined
          ? this.#discovery(issuer.issuer, [...path, 'issuer'])
          : this.#keys(issuer.name, issuer.jwks, algorithms, [...path, 'jwks']),
      introspection: issuer.introspection
        ? this.#introspection(issuer.name, issuer.introspection, [...path, 'introspection'])
        : null,
      where: this.#report.where(path)
    }
  }

  #introspection(issuer: string, config: IntrospectionConfig, path: Path): IntrospectionPlan {
    const { clientId, clientSecret, cache } = config
    const url = new URL(config.url)
    return {
      url: config.url,
      upstream: this.#upstreams.ofIntrospection(issuer, url.origin, path),
      host: url.host,
      path: url.pathname + url.search,
      authorization: `Basic ${Buffer.from(`${formEncoded(clientId)}:${formEncoded(clientSecret)}`).toString('base64')}`,
      cache: cache === undefined ? INTROSPECTION_CACHE : duration(cache)
    }
  }

  #discovery(issuer: string, path: Path): JwksPlan {
    const urls = this.#report.isPlaceholder(path) ? [] : discoveryUrls(issuer)
    if (urls === null)
      this.#report.error(
        path,
        'without jwks the keys are found from here, over https, or http on loopback, without query and fragment: say jwks for any other'
      )
    return { kind: 'discovery', urls: urls ?? [] }
  }

  #keys(name: string, jwks: KeysConfig, algorithms: readonly string[], path: Path): JwksPlan {
    if (typeof jwks === 'string') {
      if (/^https?:\/\//.test(jwks)) return { kind: 'url', url: jwks }
      return this.#file(name, jwks, algorithms, path)
    }
    if (jwks.file !== undefined) return this.#file(name, jwks.file, algorithms, [...path, 'file'])
    const keys = jwks.keys ?? []
    // What stands in for a secret that wasn't resolved says nothing of it.
    if (keys.some((_, i) => this.#report.isPlaceholder([...path, 'keys', i, 'k']))) return { kind: 'inline', keys }
    const linted = lintKeySet(name, keys, algorithms)
    // A key written here is its owner's to mend; one that is merely for something else may stay.
    for (const { kid, refused, reason } of linted.notes) {
      const text = `the key ${kid ?? 'without kid'} ${reason}`
      if (refused) this.#report.error([...path, 'keys'], text)
      else if (linted.ok) this.#report.warn([...path, 'keys'], `${text}: left out`)
    }
    if (!linted.ok) this.#report.error([...path, 'keys'], linted.reason)
    return { kind: 'inline', keys }
  }

  /** A provider's file may hold keys for others, and be renewed by programs: only a file without any use is refused. */
  #file(name: string, file: string, algorithms: readonly string[], path: Path): JwksPlan {
    const plan: JwksPlan = { kind: 'file', path: this.#documents.resolve(file, path) }
    if (this.#report.isPlaceholder(path)) return plan
    const text = this.#documents.read(file, path)
    if (text === null) return plan
    this.contents.push(createHash('sha256').update(text).digest('hex'))
    const linted = parseKeySet(name, text, algorithms)
    if (!linted.ok) this.#report.error(path, `${file}: ${linted.reason}`)
    else
      for (const { kid, reason } of linted.notes)
        this.#report.warn(path, `${file}: the key ${kid ?? 'without kid'} ${reason}: left out`)
    return plan
  }
}

function listOf(value: string | string[] | undefined): string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value
}

/** RFC 6749 section 2.3.1: application/x-www-form-urlencoded, so that neither half can hold a colon. */
function formEncoded(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1)
}
