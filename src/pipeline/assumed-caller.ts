/**
 * A caller that is only described (`explain --as`, `--claims`; later the configuration's tests): a real credential of
 * theirs is made, so that the very stages that serve find, verify and judge it.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  randomBytes,
  sign,
  type KeyObject
} from 'node:crypto'
import type { ConsumerPlan, IssuerPlan, JwtAuthPlan, KeySet, Places, Plan, VerificationKey } from '../plan.ts'
import type { PreparedRoute } from './tables.ts'

/** What the request carries in addition. */
export interface Assumed {
  headers: [string, string][]
  /** `name=value`, encoded. */
  query: string[]
}

interface Who {
  as: string | null
  claims: Record<string, unknown> | null
}

/** Later than any key set that a provider publishes. */
const LAST_VERSION = Number.MAX_SAFE_INTEGER
const LIFETIME = 300

/** A plan in which the described caller has credentials whose secrets are known here. */
export class Staged {
  plan: Plan
  readonly #now: number
  /** Made for this one explanation, and never leaving it. */
  readonly #private: KeyObject
  readonly #key: VerificationKey
  #issuer: string | null = null

  constructor(plan: Plan, now: number) {
    this.plan = plan
    this.#now = now
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    this.#private = createPrivateKey(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }))
    this.#key = {
      id: 'described-caller',
      kid: 'described-caller',
      algorithms: ['ES256'],
      material: createPublicKey(pair.publicKey.export({ type: 'spki', format: 'pem' })).export({
        type: 'spki',
        format: 'der'
      }),
      secret: false
    }
  }

  /** @throws Error for people when the description fits nothing of the configuration. */
  credential(who: Who, route: PreparedRoute | null): Assumed | null {
    if (who.as === null && who.claims === null) return null
    const auth = route?.auth.plan
    if (auth === undefined || auth.public) return null
    const assumed: Assumed = { headers: [], query: [] }
    if (who.claims !== null) {
      if (auth.jwt === null) throw new Error(`route ${route?.plan.name} takes no tokens, so claims say nothing to it`)
      place(assumed, auth.jwt, `Bearer ${this.#tokenOf(who.claims, auth.jwt)}`)
    } else if (who.as !== null) {
      const consumer = this.#consumer(who.as)
      const both = auth.require === 'all'
      if (auth.key !== null) place(assumed, auth.key, this.#keyOf(consumer))
      if (auth.jwt !== null && (both || auth.key === null)) {
        place(assumed, auth.jwt, `Bearer ${this.#tokenFor(consumer, auth.jwt)}`)
      }
    }
    return assumed
  }

  /** The key sets known, with the described caller's key in its issuer's. */
  withKeys(known: readonly KeySet[]): KeySet[] {
    const issuer = this.#issuer
    if (issuer === null) return [...known]
    const set = known.find((candidate) => candidate.issuer === issuer)
    const keys = [...(set?.keys ?? []), this.#key]
    return [
      ...known.filter((candidate) => candidate.issuer !== issuer),
      { issuer, version: LAST_VERSION, keys, fetchedAt: this.#now }
    ]
  }

  #consumer(name: string): ConsumerPlan {
    const consumer = this.plan.consumers.find((candidate) => candidate.name === name)
    if (consumer === undefined) throw new Error(`no consumer is named "${name}"`)
    return consumer
  }

  #keyOf(consumer: ConsumerPlan): string {
    const key = randomBytes(24).toString('base64url')
    // Like the consumer's own, where there is one that still holds.
    const model = consumer.keys.find(({ expires }) => expires === null || expires > this.#now)
    this.#replace({
      ...consumer,
      keys: [
        ...consumer.keys,
        {
          id: model?.id ?? 'described',
          hash: hash('sha256', key),
          expires: null,
          scopes: model?.scopes ?? null,
          where: model?.where ?? consumer.where
        }
      ]
    })
    return key
  }

  #tokenFor(consumer: ConsumerPlan, auth: JwtAuthPlan): string {
    for (const issuer of this.#issuersOf(auth)) {
      if (issuer.consumerClaim === null || issuer.consumerClaim.startsWith('/')) continue
      const client = consumer.clients.find((candidate) => candidate.issuer === issuer.name)
      const id = client?.id ?? (consumer.clients.length === 0 ? consumer.name : null)
      if (id !== null)
        return this.#tokenOf({ iss: issuer.issuer, sub: consumer.name, [issuer.consumerClaim]: id }, auth)
    }
    const own = auth.consumers ? consumer.jwt[0] : undefined
    if (own === undefined) throw new Error(`consumer ${consumer.name} has no credential that this route takes`)
    const key = { ...this.#key, algorithms: ['ES256'] }
    this.#replace({ ...consumer, jwt: consumer.jwt.map((plan) => (plan === own ? { ...plan, key } : plan)) })
    return this.#sign({ iss: own.issuer, sub: consumer.name, ...this.#audience(auth.audiences) }, null)
  }

  #tokenOf(claims: Record<string, unknown>, auth: JwtAuthPlan): string {
    const issuers = this.#issuersOf(auth)
    const issuer =
      claims['iss'] === undefined
        ? issuers[0]
        : issuers.find((plan) => plan.issuer === claims['iss'] || plan.name === claims['iss'])
    if (issuer === undefined) {
      throw new Error(
        `iss must be an issuer of the route: ${issuers.map((plan) => plan.issuer).join(', ') || 'it has none'}`
      )
    }
    this.#issuer = issuer.name
    // Described callers are good ones: what is asked is what the policies say, not how their keys are.
    const issuersNow = this.plan.issuers.map((plan) =>
      plan.name === issuer.name ? { ...plan, algorithms: [...plan.algorithms, 'ES256'] } : plan
    )
    this.plan = { ...this.plan, issuers: issuersNow }
    const audience = this.#audience(auth.audiences ?? issuer.audiences)
    return this.#sign({ ...issuer.equal, ...audience, ...claims, iss: issuer.issuer }, issuer.typ)
  }

  #issuersOf(auth: JwtAuthPlan): IssuerPlan[] {
    return this.plan.issuers.filter(({ name }) => auth.issuers.includes(name))
  }

  #audience(audiences: readonly string[] | 'any' | null): Record<string, unknown> {
    return audiences === null || audiences === 'any' ? {} : { aud: audiences[0] }
  }

  #sign(claims: Record<string, unknown>, typ: string | null): string {
    const seconds = Math.floor(this.#now / 1000)
    const header = { alg: 'ES256', kid: 'described-caller', typ: typ ?? 'JWT' }
    const payload = { iat: seconds, exp: seconds + LIFETIME, ...claims }
    const input = `${encode(header)}.${encode(payload)}`
    const signature = sign('sha256', Buffer.from(input), { key: this.#private, dsaEncoding: 'ieee-p1363' })
    return `${input}.${signature.toString('base64url')}`
  }

  #replace(consumer: ConsumerPlan): void {
    const consumers = this.plan.consumers.map((candidate) => (candidate.name === consumer.name ? consumer : candidate))
    this.plan = { ...this.plan, consumers }
  }
}

function place(assumed: Assumed, places: Places, credential: string): void {
  const bare = credential.replace(/^Bearer /, '')
  const [header] = places.header
  const [cookie] = places.cookie
  const [parameter] = places.query
  if (header !== undefined) assumed.headers.push([header, header === 'authorization' ? credential : bare])
  else if (cookie !== undefined) assumed.headers.push(['cookie', `${cookie}=${bare}`])
  else if (parameter !== undefined) assumed.query.push(`${encodeURIComponent(parameter)}=${bare}`)
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
