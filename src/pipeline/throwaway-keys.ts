import { generateKeyPairSync } from 'node:crypto'
import type { SigningKey } from '../messages.ts'
import type { Plan } from '../plan/plan.ts'

/** Keys for a rehearsal, so that it shows all that services are told: nobody takes what they sign. */
export function throwawayKeys({ routes }: Plan): SigningKey[] {
  const algorithms = new Set(routes.flatMap(({ identity }) => identity.token?.algorithm ?? []))
  return [...algorithms].map((alg) => {
    const { privateKey } =
      alg === 'EdDSA' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' })
    return { kid: 'rehearsal', alg, signsFrom: 0, pkcs8: privateKey.export({ format: 'der', type: 'pkcs8' }) }
  })
}
