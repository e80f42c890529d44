/** Credentials made for described callers where they need no token: which one a route is shown, and what it looks like. */
import { hash, randomBytes, sign, type KeyObject } from 'node:crypto'
import { hashPassword } from '../identity/password.ts'
import { signatureBase } from '../identity/signature-base.ts'
import { parseDictionary } from '../identity/structured-fields.ts'
import type { AuthPlan } from '../plan/auth.ts'
import type { ConsumerPlan, PasswordPlan, SigningKeyPlan } from '../plan/consumer.ts'
import type { VerificationKey } from '../plan/keys.ts'
import type { DescribedRequest } from '../policy-test.ts'
import { describedTarget } from './described-target.ts'
import { HeaderList } from '../headers.ts'
import type { ClientCertificate } from '../request.ts'

export type Method = 'key' | 'jwt' | 'basic' | 'certificate' | 'signature'

const METHODS: readonly Method[] = ['key', 'jwt', 'basic', 'certificate', 'signature']
/** The least that a password's hash may cost: it is made and checked once, for nobody to guess at. */
const CHEAPEST = { ln: 14, r: 8, p: 1 }

/** All methods of the route; or where any will do, one that the consumer has, or else one that it could be given. */
export function methodsFor(consumer: ConsumerPlan, auth: AuthPlan): readonly Method[] {
  const listed = METHODS.filter((method) => auth[method] !== null && auth[method] !== false)
  if (auth.require === 'all') return listed
  return [listed.find((method) => has(consumer, method)) ?? listed.find((method) => method !== 'jwt') ?? 'jwt']
}

function has(consumer: ConsumerPlan, method: Method): boolean {
  if (method === 'jwt') return consumer.clients.length + consumer.jwt.length > 0
  const own = {
    key: consumer.keys,
    basic: consumer.basic,
    certificate: consumer.certificates,
    signature: consumer.signatures
  }
  return own[method].length > 0
}

/** A password known here, in place of the consumer's first. */
export interface KnownPassword {
  readonly header: string
  readonly plan: PasswordPlan
}

export function passwordFor({ name, basic, where }: ConsumerPlan): KnownPassword {
  const password = randomBytes(24).toString('base64url')
  const username = basic[0]?.username ?? `described-${name.replaceAll(':', '-')}`
  return {
    header: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
    plan: { username, hash: hashPassword(password, CHEAPEST), where: basic[0]?.where ?? where }
  }
}

/** A good one of these names. */
export function certificateOf(sans: readonly string[]): ClientCertificate {
  const fingerprint = `sha256:${'0'.repeat(64)}`
  return { subject: 'CN=described-caller', sans, fingerprint, from: 0, until: Infinity, weakness: '' }
}

/** With the first name that the consumer lists, or one of the caller's own. */
export function certificateFor({ name, certificates }: ConsumerPlan): ClientCertificate {
  const listed = certificates[0]?.name ?? `URI:urn:described-caller:${name}`
  const pinned = listed.startsWith('sha256:')
  return {
    subject: `CN=${name}`,
    sans: pinned ? [] : [listed],
    fingerprint: pinned ? listed : `sha256:${'0'.repeat(64)}`,
    from: 0,
    until: Infinity,
    weakness: ''
  }
}

/** A key known here, in place of the consumer's first. */
export function signingKeyFor({ name, signatures, where }: ConsumerPlan, key: VerificationKey): SigningKeyPlan {
  const [own] = signatures
  return {
    keyId: own?.keyId ?? `described-${name}`,
    algorithm: 'ecdsa-p256-sha256',
    key,
    where: own?.where ?? where
  }
}

/** The fields that sign a described request. `more`: of its query, credentials. */
export function signatureFor(
  request: DescribedRequest,
  more: readonly string[],
  keyId: string,
  key: KeyObject,
  now: number
): [string, string][] {
  const url = new URL(request.url)
  const { path, query } = describedTarget(request, more)
  const headers = new HeaderList()
  for (const [name, value] of request.headers) headers.add(name.toLowerCase(), value)
  const fields: [string, string][] = []
  let covered = '"@method" "@authority" "@path" "@query"'
  if (request.body !== null) {
    fields.push(['content-digest', `sha-256=:${hash('sha256', request.body, 'base64')}:`])
    headers.set('content-digest', fields[0]?.[1] ?? '')
    covered += ' "content-digest"'
  }
  const input = `(${covered});created=${Math.floor(now / 1000)};keyid=${JSON.stringify(keyId)}`
  const list = parseDictionary(`sig=${input}`)?.get('sig')
  const base =
    list === undefined || !('items' in list)
      ? null
      : signatureBase(list, {
          method: request.method,
          scheme: url.protocol === 'https:' ? 'https' : 'http',
          authority: headers.get('host') ?? url.host,
          rawPath: path,
          query,
          headers
        })
  if (base === null) return []
  const signature = sign('sha256', Buffer.from(base), { key, dsaEncoding: 'ieee-p1363' }).toString('base64')
  fields.push(['signature-input', `sig=${input}`], ['signature', `sig=:${signature}:`])
  return fields
}
