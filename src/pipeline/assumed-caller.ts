/**
 * Callers that are only described (`explain --as`, `--claims`, the configuration's tests): real credentials of theirs
 * are made, so that the very stages that serve find, verify and judge them.
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
import type { JwtAuthPlan, Places } from '../plan/auth.ts'
import type { ApiKeyPlan, ConsumerPlan } from '../plan/consumer.ts'
import type { IssuerPlan } from '../plan/issuer.ts'
import type { KeySet, VerificationKey } from '../plan/keys.ts'
import type { Plan } from '../plan/plan.ts'
import type { Where } from '../plan/policy.ts'
import { DescriptionError, type DescribedRequest } from '../policy-test.ts'
import type { ClientCertificate } from '../request.ts'
import {
  certificateFor,
  methodsFor,
  passwordFor,
  signatureFor,
  signingKeyFor,
  type KnownPassword
} from './assumed-own.ts'
import { confirmationOf, proofOf } from './assumed-proof.ts'
import type { PreparedRoute } from './tables.ts'

/** What the request carries in addition. */
export interface Assumed {
  headers: [string, string][]
  /** `name=value`, encoded. */
  query: string[]
  /** Of the connection, on a listener that asks for one. */
  certificate: ClientCertificate | null
  /** A proof of possession, made anew for each request; null: the token needs none. */
  proof: ((request: { method: string; url: string }) => string) | null
}

/** An API key whose text is known here, with the plan that admits it. */
interface KnownKey {
  readonly text: string
  readonly plan: ApiKeyPlan
}

/** Later than any key set that a provider publishes. */
const LAST_VERSION = Number.MAX_SAFE_INTEGER
const LIFETIME = 300

/** A plan in which the described callers have credentials whose secrets are known here. */
export class AssumedCallers {
  readonly plan: Plan
  readonly #known: readonly KeySet[]
  readonly #setKeys: (set: KeySet) => void
  /** Made for this one run, and never leaving it. */
  readonly #private: KeyObject
  readonly #key: VerificationKey
  /** Of the consumers named, before anything was added to them. */
  readonly #consumers: ReadonlyMap<string, ConsumerPlan>
  readonly #keys: ReadonlyMap<string, readonly KnownKey[]>
  /** Where any route takes passwords. */
  readonly #passwords: ReadonlyMap<string, KnownPassword>
  /** Issuers that are known to sign with the key made here. */
  readonly #signing = new Set<string>()

  /**
   * @param names of all consumers that will be called as
   * @param known the key sets of issuers as far as they are known
   * @param setKeys takes an issuer's set into use
   */
  constructor(plan: Plan, names: ReadonlySet<string>, known: readonly KeySet[], setKeys: (set: KeySet) => void) {
    this.#known = known
    this.#setKeys = setKeys
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
    const named = plan.consumers.filter(({ name }) => names.has(name))
    this.#consumers = new Map(named.map((consumer) => [consumer.name, consumer]))
    this.#keys = new Map(named.map((consumer) => [consumer.name, keysFor(consumer)]))
    // A hash takes some 30 ms.
    const usesPasswords = plan.routes.some(({ auth }) => auth.basic)
    this.#passwords = new Map(usesPasswords ? named.map((consumer) => [consumer.name, passwordFor(consumer)]) : [])
    // Described callers are good ones: what is asked is what the policies say, not how their keys are.
    this.plan = {
      ...plan,
      issuers: plan.issuers.map((issuer) => ({ ...issuer, algorithms: [...issuer.algorithms, 'ES256'] })),
      consumers: plan.consumers.map((consumer) => (names.has(consumer.name) ? this.#equipped(consumer) : consumer))
    }
  }

  /**
   * @param now ms since the epoch, the request's
   * @throws DescriptionError
   */
  credential(request: DescribedRequest, route: PreparedRoute | null, now: number): Assumed | null {
    const auth = route?.auth.plan
    // A name of nobody is a mistake, wherever it is said.
    const consumer = request.as === null ? null : this.#consumer(request.as)
    if (auth === undefined || auth.public) return null
    const assumed: Assumed = { headers: [], query: [], certificate: null, proof: null }
    if (request.claims !== null) {
      if (auth.jwt === null)
        throw new DescriptionError(`route ${route?.plan.name} takes no tokens, so claims say nothing to it`, auth.where)
      this.#present(assumed, auth.jwt, this.#tokenOf(request.claims, auth.jwt, now), now)
      return assumed
    }
    if (consumer === null || auth.anonymous === consumer.name) return null
    const methods = methodsFor(consumer, auth)
    if (auth.key !== null && methods.includes('key')) place(assumed, auth.key, this.#keyOf(consumer, now))
    if (methods.includes('basic')) {
      assumed.headers.push(['authorization', this.#passwords.get(consumer.name)?.header ?? ''])
    }
    if (methods.includes('certificate')) assumed.certificate = certificateFor(consumer)
    if (auth.jwt !== null && methods.includes('jwt')) {
      this.#present(assumed, auth.jwt, this.#tokenFor(consumer, auth.jwt, auth.where, now), now)
    }
    if (methods.includes('signature')) {
      const { keyId } = signingKeyFor(consumer, this.#key)
      assumed.headers.push(...signatureFor(request, assumed.query, keyId, this.#private, now))
    }
    return assumed
  }

  /** DPoP's scheme stands in Authorization only: a route that reads none there takes tokens bound to certificates. */
  #present(assumed: Assumed, auth: JwtAuthPlan, token: string, now: number): void {
    if (auth.bound === 'if-present' || auth.header[0] !== 'authorization') {
      return place(assumed, auth, `Bearer ${token}`)
    }
    assumed.headers.push(['authorization', `DPoP ${token}`])
    assumed.proof = (request) => proofOf(this.#private, token, request, now)
  }

  #consumer(name: string): ConsumerPlan {
    const consumer = this.#consumers.get(name)
    if (consumer === undefined) throw new DescriptionError(`no consumer is named "${name}"`)
    return consumer
  }

  #equipped(consumer: ConsumerPlan): ConsumerPlan {
    const known = this.#keys.get(consumer.name) ?? []
    const [own, ...others] = consumer.jwt
    const password = this.#passwords.get(consumer.name)
    return {
      ...consumer,
      keys: [...consumer.keys, ...known.map(({ plan }) => plan)],
      jwt: own === undefined ? [] : [{ ...own, key: this.#key }, ...others],
      basic: password === undefined ? consumer.basic : [password.plan, ...consumer.basic.slice(1)],
      certificates:
        consumer.certificates.length > 0
          ? consumer.certificates
          : certificateFor(consumer).sans.map((name) => ({ name, where: consumer.where })),
      signatures: [signingKeyFor(consumer, this.#key), ...consumer.signatures.slice(1)]
    }
  }

  /** Like the consumer's own that still holds, or else like one that doesn't any more. */
  #keyOf({ name }: ConsumerPlan, now: number): string {
    const known = this.#keys.get(name) ?? []
    const good = known.find(({ plan }) => plan.expires === null || plan.expires > now) ?? known[0]
    return good?.text ?? ''
  }

  #tokenFor(consumer: ConsumerPlan, auth: JwtAuthPlan, where: Where, now: number): string {
    for (const issuer of this.#issuersOf(auth)) {
      if (issuer.consumerClaim === null || issuer.consumerClaim.startsWith('/')) continue
      const client = consumer.clients.find((candidate) => candidate.issuer === issuer.name)
      const id = client?.id ?? (consumer.clients.length === 0 ? consumer.name : null)
      if (id !== null)
        return this.#tokenOf({ iss: issuer.issuer, sub: consumer.name, [issuer.consumerClaim]: id }, auth, now)
    }
    const own = auth.consumers ? consumer.jwt[0] : undefined
    if (own === undefined)
      throw new DescriptionError(`consumer ${consumer.name} has no credential that this route takes`, where)
    return this.#sign({ iss: own.issuer, sub: consumer.name, ...audienceOf(auth.audiences) }, auth, null, now)
  }

  /** An issuer that the route doesn't take may be named: that its tokens are refused there is worth a test. */
  #tokenOf(claims: Record<string, unknown>, auth: JwtAuthPlan, now: number): string {
    const { iss } = claims
    const issuer =
      iss === undefined
        ? this.#issuersOf(auth)[0]
        : this.plan.issuers.find((plan) => plan.issuer === iss || plan.name === iss)
    if (issuer === undefined) {
      const known = this.plan.issuers.map((plan) => plan.issuer).join(', ')
      throw new DescriptionError(
        iss === undefined
          ? 'the route takes tokens of no issuer'
          : `iss must be an issuer of the configuration: ${known || 'it has none'}`
      )
    }
    this.#letSign(issuer)
    const audience = audienceOf(auth.audiences ?? issuer.audiences)
    return this.#sign({ ...issuer.equal, ...audience, ...claims, iss: issuer.issuer }, auth, issuer.typ, now)
  }

  /** Not sooner than asked for: an issuer whose keys aren't known must show as that to real tokens of it. */
  #letSign({ name }: IssuerPlan): void {
    if (this.#signing.has(name)) return
    this.#signing.add(name)
    const known = this.#known.find((set) => set.issuer === name)
    this.#setKeys({
      issuer: name,
      version: LAST_VERSION,
      keys: [...(known?.keys ?? []), this.#key],
      fetchedAt: known?.fetchedAt ?? 0
    })
  }

  #issuersOf(auth: JwtAuthPlan): IssuerPlan[] {
    return this.plan.issuers.filter(({ name }) => auth.issuers.includes(name))
  }

  #sign(claims: Record<string, unknown>, { bound }: JwtAuthPlan, typ: string | null, now: number): string {
    const seconds = Math.floor(now / 1000)
    const header = { alg: 'ES256', kid: 'described-caller', typ: typ ?? 'JWT' }
    const binding = bound === 'required' ? { cnf: confirmationOf(this.#private) } : {}
    const payload = { iat: seconds, exp: seconds + LIFETIME, ...binding, ...claims }
    const input = `${encode(header)}.${encode(payload)}`
    const signature = sign('sha256', Buffer.from(input), { key: this.#private, dsaEncoding: 'ieee-p1363' })
    return `${input}.${signature.toString('base64url')}`
  }
}

/** One beside each of the consumer's own but canaries, with the same id, scopes and end; for a consumer without any, one that could be. */
function keysFor({ keys, where }: ConsumerPlan): KnownKey[] {
  // Nobody calls with a canary.
  const own = keys.filter(({ canary }) => !canary)
  const models = own.length > 0 ? own : [{ id: 'described', expires: null, scopes: null, where }]
  return models.map((model) => {
    const text = randomBytes(24).toString('base64url')
    return { text, plan: { ...model, canary: false, hash: hash('sha256', text) } }
  })
}

function audienceOf(audiences: readonly string[] | 'any' | null): Record<string, unknown> {
  return audiences === null || audiences === 'any' ? {} : { aud: audiences[0] }
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
