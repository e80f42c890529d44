/**
 * Requests signed by a consumer (HTTP Message Signatures, RFC 9421). A signature is good for one request: what it must
 * cover leaves nothing of the request's meaning to whoever can read and change it on the way, and its age is bounded.
 * The body is judged later, by the Content-Digest that the signature covers: see pipeline/digest.ts.
 */
import { refused } from './verdict.ts'
import { signatureBase, type SignedRequest } from './signature-base.ts'
import { parseDictionary, type InnerList } from './structured-fields.ts'
import { WaitingRoom, type Doorkeeper } from './waiting.ts'
import type { BadCredential } from './credentials.ts'
import type { CallerDirectory, Holder } from './directory.ts'
import type { Once } from '../memory/once.ts'
import type { SignatureVerifier } from './pool.ts'
import type { RefusedToken } from './verdict.ts'
import type { HeaderList } from '../headers.ts'

/** Oldest `created` taken, and how far clocks may differ, s. */
const MAX_AGE = 300
const SKEW = 30
/** ms for which a signature that is good now may still be good: how long its nonce is remembered. */
export const SIGNATURE_LIFE = (MAX_AGE + SKEW) * 1000

/** A request's one signature, as it presents it. */
export interface PresentedSignature {
  readonly input: InnerList
  readonly signature: Buffer
  readonly keyId: string
}

export interface SignableRequest extends SignedRequest {
  /** Declared size of the body; 0: none, -1: unknown. */
  readonly size: number
  readonly clientKey: string
}

const PARTLY = bad('of Signature and Signature-Input one is missing, or comes twice')
const MALFORMED = bad('Signature or Signature-Input is not well-formed')
const SEVERAL = bad('there is more than one signature, or its two fields differ in its label')
const NO_KEY = bad('the signature names no key')

/** null: the request presents none. */
export function findSignature(headers: HeaderList): PresentedSignature | BadCredential | null {
  const input = headers.get('signature-input')
  const signature = headers.get('signature')
  if (input === undefined && signature === undefined) return null
  if (input === undefined || signature === undefined) return PARTLY
  if (headers.count('signature-input') > 1 || headers.count('signature') > 1) return PARTLY
  const inputs = parseDictionary(input)
  const signatures = parseDictionary(signature)
  if (inputs === null || signatures === null) return MALFORMED
  const [first] = inputs
  if (first === undefined || inputs.size > 1 || signatures.size > 1) return SEVERAL
  const [label, list] = first
  const bytes = signatures.get(label)
  if (bytes === undefined) return SEVERAL
  if (!('items' in list) || 'items' in bytes || !Buffer.isBuffer(bytes.value)) return MALFORMED
  const keyId = list.params.get('keyid')
  if (keyId?.type !== 'string' || typeof keyId.value !== 'string') return NO_KEY
  return { input: list, signature: bytes.value, keyId: keyId.value }
}

export class MessageSignatures {
  readonly #signatures: SignatureVerifier
  readonly #nonces: Once
  readonly #waiting: WaitingRoom

  /** `queue`, `perClient`: as for tokens. */
  constructor(signatures: SignatureVerifier, nonces: Once, queue: number, perClient: number, doorkeeper?: Doorkeeper) {
    this.#signatures = signatures
    this.#nonces = nonces
    this.#waiting = new WaitingRoom(queue, perClient, 'signatures', doorkeeper)
  }

  /** `now`: ms since the epoch. Never rejects. */
  async verify(
    { input, signature, keyId }: PresentedSignature,
    request: SignableRequest,
    directory: CallerDirectory,
    now: number
  ): Promise<Holder | RefusedToken> {
    const complaint = coverageComplaint(input, request) ?? timeComplaint(input, Math.floor(now / 1000))
    if (complaint !== null) return refused(complaint)
    const holder = directory.bySigningKey(keyId)
    if (holder === undefined) return refused('keyid names nobody’s key')
    const algorithm = input.params.get('alg')
    if (algorithm !== undefined && algorithm.value !== holder.plan.algorithm) return refused('alg is not the key’s')
    const base = signatureBase(input, request)
    if (base === null) return refused('the signature covers what the request lacks, or what is not taken here')

    const full = this.#waiting.enter(request.clientKey)
    if (full !== null) return { ok: false, code: 'verify-overload', reason: full }
    const { key } = holder.plan
    const [alg = ''] = key.algorithms
    const signed = `${base}.${signature.toString('base64url')}`
    const signer = await this.#signatures
      .verify({ alg, token: signed, keys: [key] })
      .finally(() => this.#waiting.leave(request.clientKey))
    if (signer instanceof Error) {
      return { ok: false, code: 'verify-overload', reason: `the verification failed: ${signer.message}` }
    }
    if (signer === null) return refused('the signature is not by the key')
    return this.#nonceComplaint(input, keyId) ?? holder
  }

  /** Only of a signature that holds: anybody can write down somebody's nonce. */
  #nonceComplaint(input: InnerList, keyId: string): RefusedToken | null {
    const nonce = input.params.get('nonce')
    if (nonce === undefined) return null
    switch (this.#nonces.use(`${keyId}\0${nonce.text}`)) {
      case 'first':
        return null
      case 'again':
        return refused('the nonce was used before')
      case 'full':
        return { ok: false, code: 'verify-overload', reason: 'there is no room to remember the nonce' }
    }
  }
}

/** null: nothing is left out that says what the request asks for. */
function coverageComplaint({ items }: InnerList, { query, size }: SignableRequest): string | null {
  const covers = (...names: string[]): boolean =>
    items.some(({ value, params }) => params.size === 0 && names.includes(String(value)))
  if (!covers('@method')) return 'the signature does not cover @method'
  if (!covers('@authority', 'host', '@target-uri')) return 'the signature covers neither @authority nor @target-uri'
  if (!covers('@path', '@target-uri', '@request-target')) return 'the signature covers neither @path nor @target-uri'
  if (query !== '' && !covers('@query', '@target-uri', '@request-target')) {
    return 'there is a query, and the signature covers neither @query nor @target-uri'
  }
  if (size !== 0 && !covers('content-digest')) return 'there is a body, and the signature does not cover content-digest'
  return null
}

/** `now`: s since the epoch. */
function timeComplaint({ params }: InnerList, now: number): string | null {
  const created = params.get('created')
  const expires = params.get('expires')
  if (created?.type !== 'integer') return 'the signature does not say when it was created'
  if (Number(created.value) > now + SKEW) return 'the signature was created in the future'
  if (Number(created.value) < now - MAX_AGE) return `the signature is older than ${MAX_AGE} s`
  if (expires === undefined) return null
  if (expires.type !== 'integer') return 'the signature’s expires is no time'
  return Number(expires.value) <= now ? 'the signature has expired' : null
}

function bad(reason: string): BadCredential {
  return Object.freeze({ reason })
}
