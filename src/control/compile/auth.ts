/**
 * `auth`: the nearest level that speaks stands alone. A route where none does is an error, because no route is open
 * by omission. References to issuers and consumers, and `auth: public` at the gateway's level, have been checked with
 * the configuration.
 */
import type { AuthConfig, IssuerConfig, JwtAuthConfig, KeyAuthConfig } from '../config/schema.ts'
import type { AuthPlan, JwtAuthPlan, Places } from '../../plan/auth.ts'
import { nearestOf, type Block, type Sourced } from './levels.ts'
import type { Path, Report } from './report.ts'
import { unguarded } from '../config/unguarded-routes.ts'

const NOBODY_ASKED: Omit<AuthPlan, 'public' | 'where'> = {
  jwt: null,
  key: null,
  basic: false,
  certificate: false,
  signature: false,
  require: 'any',
  anonymous: null,
  mode: 'enforce'
}

/** What each place in the configuration says of `auth` itself, whatever routes it holds for. */
export class Authentication {
  readonly #compiled = new Map<AuthConfig, AuthPlan>()
  /** Issuers that are asked about opaque tokens. */
  readonly #introspecting: ReadonlySet<string>
  readonly #report: Report
  readonly #certificatesAsked: boolean

  /** @param certificatesAsked whether any listener asks clients for certificates */
  constructor(issuers: readonly IssuerConfig[], report: Report, certificatesAsked: boolean) {
    this.#introspecting = new Set(issuers.filter(({ introspection }) => introspection).map(({ name }) => name))
    this.#report = report
    this.#certificatesAsked = certificatesAsked
  }

  /** null, and an error, when no level says how callers of the route identify themselves. */
  ofRoute(blocks: readonly Block[], name: string, path: Path): AuthPlan | null {
    const said = nearestOf(blocks, 'auth')
    if (!said) {
      this.#report.error(path, unguarded(name))
      return null
    }
    const { value } = said
    if (value === 'public') return { public: true, ...NOBODY_ASKED, where: this.#report.where(said.path) }
    const plan = this.#plan({ ...said, value })
    if (plan.mode === 'shadow')
      this.#report.widening(said.path, 'auth in shadow refuses nobody, which leaves open', [name])
    return plan
  }

  #plan(said: Sourced<AuthConfig>): AuthPlan {
    const known = this.#compiled.get(said.value)
    if (known) return known
    const plan = this.#compile(said)
    this.#compiled.set(said.value, plan)
    return plan
  }

  #compile({ value, path }: Sourced<AuthConfig>): AuthPlan {
    const jwt = value.jwt ? this.#jwt(value.jwt, [...path, 'jwt']) : null
    const key = value.key ? placesOf(value.key === true ? {} : value.key, 'x-api-key') : null
    if (key && key.query.length > 0) this.#warnOfQuery([...path, 'key', 'query'])
    for (const place of ['header', 'cookie', 'query'] as const) {
      const both = jwt && key ? jwt[place].filter((name) => key[place].includes(name)) : []
      for (const name of both)
        this.#report.error(
          [...path, 'key'],
          `both tokens and API keys would be read from the ${place} ${name}, where each is a bad one of the other: give one another place`
        )
    }
    if (value.certificate && !this.#certificatesAsked)
      this.#report.warn(
        [...path, 'certificate'],
        'no listener asks for client certificates, so nobody has one: say tls: { clientCertificates: { ca: … } } there'
      )
    return {
      public: false,
      jwt,
      key,
      basic: value.basic ?? false,
      certificate: value.certificate ?? false,
      signature: value.signature ?? false,
      require: value.require ?? 'any',
      anonymous: value.anonymous ?? null,
      mode: value.mode ?? 'enforce',
      where: this.#report.where(path)
    }
  }

  #jwt(jwt: JwtAuthConfig, path: Path): JwtAuthPlan {
    const audiences = jwt.audiences ?? null
    const consumers = jwt.consumers ?? false
    if (audiences === 'any')
      this.#report.widening([...path, 'audiences'], 'audiences: any takes tokens that were made for other services')
    if (consumers && audiences === null)
      this.#report.error(
        [...path, 'consumers'],
        'an audience is required of tokens, and consumers have none of their own as issuers do: say audiences here, or audiences: any'
      )
    if (jwt.expiry === 'optional')
      this.#report.widening([...path, 'expiry'], 'expiry: optional takes tokens that hold for ever')
    const places = placesOf(jwt, 'authorization')
    if (places.query.length > 0) this.#warnOfQuery([...path, 'query'])
    return {
      issuers: jwt.issuers ?? [],
      consumers,
      opaque: this.#opaque(jwt.issuers ?? [], [...path, 'issuers']),
      audiences,
      expiry: jwt.expiry ?? 'required',
      bound: jwt.bound ?? 'if-present',
      ...places
    }
  }

  #opaque(issuers: readonly string[], path: Path): string | null {
    const [issuer, other] = issuers.filter((name) => this.#introspecting.has(name))
    if (other !== undefined)
      this.#report.error(
        path,
        `${issuer} and ${other} both have introspection, and nothing tells whose an opaque token is: it would be shown to the wrong one`
      )
    return issuer ?? null
  }

  #warnOfQuery(path: Path): void {
    this.#report.warn(path, 'credentials in a URL end up in the logs, histories and Referer headers of others')
  }
}

/** Naming any place replaces the default. */
function placesOf(named: KeyAuthConfig, header: string): Places {
  const { header: headers, cookie, query } = named
  if (headers === undefined && cookie === undefined && query === undefined)
    return { header: [header], cookie: [], query: [] }
  return { header: listOf(headers).map((name) => name.toLowerCase()), cookie: listOf(cookie), query: listOf(query) }
}

function listOf(value: string | string[] | undefined): string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value
}
