import { refuse } from '../problems.ts'
import type { Exchange } from './exchange.ts'
import { CONTINUE, type Verdict } from './verdict.ts'

/**
 * Whoever comes to a listener that requires a client certificate has one. TLS refuses those that no authority of the
 * listener's vouches for, but lets in who shows none: a refusal during the handshake would tell him nothing, and the log
 * neither. Before everything that a request could learn something from.
 */
export function clientCertificate(x: Exchange): Verdict {
  const { clientCertificates } = x.listenerTable.plan
  if (clientCertificates === null) return CONTINUE
  const { required, where } = clientCertificates
  if (x.clientCertificate === null) {
    return required
      ? refuse('no-credential', 'listen', 'the client shows no certificate', { where, headers: CHALLENGE, close: true })
      : CONTINUE
  }
  // As if TLS had refused it: neither auth, nor a bound token, nor a rule is to build on it.
  const { weakness } = x.clientCertificate
  if (weakness !== '') {
    const reason = `the client certificate ${weakness}`
    return refuse('bad-credential', 'listen', reason, { where, headers: CHALLENGE, close: true })
  }
  x.note('client-certificate', 'pass', 'listen', '', where, x.clientCertificate.subject)
  return CONTINUE
}

const CHALLENGE: readonly string[] = Object.freeze(['www-authenticate', 'ClientCertificate'])
