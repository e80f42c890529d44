/**
 * The consumers of one generation, found by whatever a credential says of them. Built in parts while the generation
 * before still serves: `add` costs about 5 µs a consumer, so a part of 1,000 stays well below one pause. Those that are
 * found by keys only are added sealed, for a tenth of that and of the memory, and read when one of their part calls.
 */
import { IpSet } from '../ip-set.ts'
import type { Identity } from './identity.ts'
import type { ApiKeyPlan, ConsumerPlan, ConsumerTokenPlan, SigningKeyPlan } from '../plan/consumer.ts'
import { type ConsumerIndex, hashesIn, namesIn } from '../plan/packed-consumers.ts'
import type { Where } from '../plan/policy.ts'

/** A credential of a consumer's own (all but tokens), as it is looked up. */
export interface Holder {
  readonly method: 'key' | 'basic' | 'certificate' | 'signature'
  readonly consumer: ConsumerPlan
  /** What `caller.credential` says. */
  readonly credential: string
  /** Narrower than the consumer's; null: all of the consumer's. */
  readonly scopes: readonly string[] | null
  /** Made at its first use: most of 10,000 consumers never call one worker. */
  identity: Identity | null
}

export interface KeyHolder extends Holder {
  readonly plan: ApiKeyPlan
  /** SHA-256 of the key, 32 bytes. */
  readonly digest: Buffer
}

export interface PasswordHolder extends Holder {
  /** As PasswordPlan has it. */
  readonly hash: string
}

export interface SigningKeyHolder extends Holder {
  readonly plan: SigningKeyPlan
}

/** A consumer that signs its own tokens. */
export interface TokenSigner {
  readonly consumer: ConsumerPlan
  readonly plan: ConsumerTokenPlan
}

/** Stands for consumers that were not read yet. */
class Sealed {
  readonly read: () => ConsumerPlan[]

  constructor(read: () => ConsumerPlan[]) {
    this.read = read
  }
}

export interface CallerAddresses {
  readonly allowed: IpSet
  readonly where: Where
}

export class CallerDirectory {
  readonly #byName = new Map<string, ConsumerPlan | Sealed>()
  readonly #byClient = new Map<string, ConsumerPlan>()
  readonly #byKeyHash = new Map<string, KeyHolder | Sealed>()
  readonly #byTokenIssuer = new Map<string, TokenSigner>()
  readonly #byUsername = new Map<string, PasswordHolder>()
  readonly #passwords: PasswordHolder[] = []
  readonly #bySigningKey = new Map<string, SigningKeyHolder>()
  readonly #byCertificateName = new Map<string, Holder>()
  /** Of those consumers that may call from some addresses only. */
  readonly #addresses = new Map<string, CallerAddresses>()

  /**
   * Throws where two consumers would answer to one credential: which of them called would be a matter of their order
   * in a file, so the generation must not be taken.
   */
  add(consumers: readonly ConsumerPlan[]): void {
    for (const consumer of consumers) {
      claim(this.#byName, consumer.name, consumer, `two consumers are named ${consumer.name}`)
      for (const { issuer, id } of consumer.clients) {
        const what = `${consumer.name}: client ${id} of ${issuer} already belongs to another consumer`
        claim(this.#byClient, clientKey(issuer, id), consumer, what)
      }
      for (const plan of consumer.keys) {
        claim(this.#byKeyHash, plan.hash, keyHolder(consumer, plan), sameKey(consumer, plan))
      }
      for (const plan of consumer.jwt) {
        const what = `${consumer.name}: another consumer signs tokens as ${plan.issuer} too`
        claim(this.#byTokenIssuer, plan.issuer, { consumer, plan }, what)
      }
      for (const { username, hash } of consumer.basic) {
        const known = { ...holder('basic', consumer, username), hash }
        claim(this.#byUsername, username, known, `${consumer.name}: another consumer has the user name ${username} too`)
        this.#passwords.push(known)
      }
      for (const plan of consumer.signatures) {
        const known = { ...holder('signature', consumer, plan.keyId), plan }
        claim(this.#bySigningKey, plan.keyId, known, `${consumer.name}: signing key ${plan.keyId} is another one's too`)
      }
      for (const { name } of consumer.certificates) {
        const what = `${consumer.name}: certificates with ${name} already belong to another consumer`
        claim(this.#byCertificateName, name, holder('certificate', consumer, name), what)
      }
      if (consumer.ip !== null) {
        const { blocks, where } = consumer.ip
        this.#addresses.set(consumer.name, { allowed: new IpSet(blocks), where })
      }
    }
  }

  /**
   * Consumers that are found by their names and keys only, to be read when the first of them calls. Throws as `add` does.
   *
   * @param read gives those that `index` is of
   */
  addSealed(index: ConsumerIndex, read: () => ConsumerPlan[]): void {
    const sealed = new Sealed(read)
    for (const name of namesIn(index)) claim(this.#byName, name, sealed, `two consumers are named ${name}`)
    for (const hash of hashesIn(index)) {
      if (this.#byKeyHash.has(hash)) throw new Error(complaintOf(hash, read()))
      this.#byKeyHash.set(hash, sealed)
    }
  }

  #open({ read }: Sealed): void {
    for (const consumer of read()) {
      this.#byName.set(consumer.name, consumer)
      for (const plan of consumer.keys) this.#byKeyHash.set(plan.hash, keyHolder(consumer, plan))
    }
  }

  #found<T>(map: ReadonlyMap<string, T | Sealed>, key: string): T | undefined {
    let found = map.get(key)
    if (found instanceof Sealed) {
      this.#open(found)
      found = map.get(key)
    }
    return found instanceof Sealed ? undefined : found
  }

  /** Whether any consumer signs tokens or requests. */
  get signs(): boolean {
    return this.#byTokenIssuer.size > 0 || this.#bySigningKey.size > 0
  }

  /** Where the consumer of that name may call from; undefined: anywhere. */
  addressesOf(name: string): CallerAddresses | undefined {
    return this.#addresses.size === 0 ? undefined : this.#addresses.get(name)
  }

  byName(name: string): ConsumerPlan | undefined {
    return this.#found(this.#byName, name)
  }

  /** `issuer`: its name in the configuration. */
  byClient(issuer: string, id: string): ConsumerPlan | undefined {
    return this.#byClient.get(clientKey(issuer, id))
  }

  /** `hash`: 64 lower-case hex digits. */
  byKeyHash(hash: string): KeyHolder | undefined {
    return this.#found(this.#byKeyHash, hash)
  }

  /** `iss`: exact value of the claim. */
  byTokenIssuer(iss: string): TokenSigner | undefined {
    return this.#byTokenIssuer.get(iss)
  }

  byUsername(username: string): PasswordHolder | undefined {
    return this.#byUsername.get(username)
  }

  /**
   * Somebody's hash, always the same one for a name, to check a nobody's password against: it takes the time that a
   * somebody's takes. The answer says nothing.
   */
  decoyHash(username: string): string {
    let sum = 0
    for (let i = 0; i < username.length; i++) sum = (sum * 31 + username.charCodeAt(i)) >>> 0
    return this.#passwords[sum % this.#passwords.length]?.hash ?? NO_HASH
  }

  bySigningKey(keyId: string): SigningKeyHolder | undefined {
    return this.#bySigningKey.get(keyId)
  }

  /** `name`: an alternative name or a fingerprint, as ClientCertificate has them. */
  byCertificateName(name: string): Holder | undefined {
    return this.#byCertificateName.get(name)
  }

  /**
   * Whom a token of `issuer` stands for, by the value of its consumer claim. A consumer that lists its clients is
   * never found by its name: another issuer's token could simply say that name.
   */
  attached(issuer: string, consumerId: string): ConsumerPlan | null {
    if (consumerId === '') return null
    const client = this.byClient(issuer, consumerId)
    if (client !== undefined) return client
    const named = this.byName(consumerId)
    return named !== undefined && named.clients.length === 0 ? named : null
  }
}

/** Where nobody has a password: what `gatehouse password hash` makes, of nothing. */
const NO_HASH = `scrypt:ln=15,r=8,p=3:${'A'.repeat(22)}:${'A'.repeat(43)}`

function holder(method: Holder['method'], consumer: ConsumerPlan, credential: string): Holder {
  return { method, consumer, credential, scopes: null, identity: null }
}

function keyHolder(consumer: ConsumerPlan, plan: ApiKeyPlan): KeyHolder {
  const { id: credential, scopes } = plan
  return { method: 'key', consumer, credential, scopes, identity: null, plan, digest: Buffer.from(plan.hash, 'hex') }
}

/** Issuer names hold no NUL, so no two pairs share a key. */
function clientKey(issuer: string, id: string): string {
  return `${issuer}\0${id}`
}

function sameKey({ name }: ConsumerPlan, { id }: ApiKeyPlan): string {
  return `${name}: key ${id} is the same key as another one`
}

/** As `add` would say it, of the last that has the key. */
function complaintOf(hash: string, consumers: readonly ConsumerPlan[]): string {
  const complaints = consumers.flatMap((consumer) =>
    consumer.keys.filter((plan) => plan.hash === hash).map((plan) => sameKey(consumer, plan))
  )
  return complaints.at(-1) ?? 'two consumers have the same key'
}

function claim<T>(map: Map<string, T>, key: string, value: T, complaint: string): void {
  if (map.has(key)) throw new Error(complaint)
  map.set(key, value)
}
