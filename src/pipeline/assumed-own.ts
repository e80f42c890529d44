/** Credentials made for described callers where they need no token: which one a route is shown, and what it looks like. */
import { randomBytes } from 'node:crypto'
import { hashPassword } from '../identity/password.ts'
import type { AuthPlan, ConsumerPlan, PasswordPlan } from '../plan.ts'
import type { ClientCertificate } from '../request.ts'

export type Method = 'key' | 'jwt' | 'basic' | 'certificate'

const METHODS: readonly Method[] = ['key', 'jwt', 'basic', 'certificate']
/** The least that a password's hash may cost: it is made and checked once, for nobody to guess at. */
const CHEAPEST = { ln: 14, r: 8, p: 1 }

/** All methods of the route; or where any will do, one that the consumer has, or else one that it could be given. */
export function methodsFor(consumer: ConsumerPlan, auth: AuthPlan): readonly Method[] {
  const listed = METHODS.filter((method) => auth[method] !== null && auth[method] !== false)
  if (auth.require === 'all') return listed
  return [listed.find((method) => has(consumer, method)) ?? listed.find((method) => method !== 'jwt') ?? 'jwt']
}

function has({ keys, clients, jwt, basic, certificates }: ConsumerPlan, method: Method): boolean {
  const own = {
    key: keys.length,
    jwt: clients.length + jwt.length,
    basic: basic.length,
    certificate: certificates.length
  }
  return own[method] > 0
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
  return { subject: 'CN=described-caller', sans, fingerprint: `sha256:${'0'.repeat(64)}`, from: 0, until: Infinity }
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
    until: Infinity
  }
}
