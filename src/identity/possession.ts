/**
 * Whether whoever presents a token is who it was issued to, where the token says how to tell: by a key (RFC 9449) or
 * by the client certificate of the connection (RFC 8705). A bound token that anyone could use as a bearer token would
 * be no better than one.
 */
import { refused } from './verdict.ts'
import type { Confirmation } from './claims.ts'
import type { DpopProofs, ProvenRequest } from './dpop.ts'
import type { RefusedToken } from './verdict.ts'
import type { ClientCertificate } from '../request.ts'

export interface PossessionRequest extends ProvenRequest {
  readonly clientCertificate: ClientCertificate | null
}

/**
 * Null: proven, or nothing is to be proven. `dpop`: the token came under the DPoP scheme; `required`: the route takes
 * bound tokens only.
 */
export function provePossession(
  token: string,
  { confirmation, dpop, required }: { confirmation: Confirmation | null; dpop: boolean; required: boolean },
  request: PossessionRequest,
  proofs: DpopProofs,
  now: number
): RefusedToken | null | Promise<RefusedToken | null> {
  if (confirmation === null) {
    if (dpop) return refused('the DPoP scheme comes with a token that is bound to no key')
    return required ? refused('the token is bound to nothing, and the route takes bound tokens only') : null
  }
  const { jkt, x5t } = confirmation
  if (x5t !== null) {
    const { clientCertificate } = request
    if (clientCertificate === null) return refused('the token is bound to a client certificate, and there is none')
    if (thumbprintOf(clientCertificate) !== x5t) return refused('the token is bound to another client certificate')
  }
  // Under another scheme a stolen token would need no proof (RFC 9449 section 7.2).
  if (dpop !== (jkt !== null)) {
    return refused(
      dpop
        ? 'the DPoP scheme comes with a token that is bound to no key'
        : 'the token is bound to a key and does not come under the DPoP scheme'
    )
  }
  return jkt === null ? null : proofs.verify(token, jkt, request, now)
}

/** SHA-256 in base64url, where the fingerprint has `sha256:` and hex digits. */
function thumbprintOf({ fingerprint }: ClientCertificate): string {
  return Buffer.from(fingerprint.slice('sha256:'.length), 'hex').toString('base64url')
}
